/** The end of every exchange: counted once, logged once. */
import type { RequestHead } from "../../protocol/exchange.ts";
import type { Direction } from "../telemetry/families.ts";
import type { MeterLabels } from "../telemetry/meter.ts";
import type { Workload } from "../workload.ts";
import type { Relay } from "./relay.ts";
import { responseFlag } from "./rescue.ts";

export interface ExchangeLog {
  readonly workload: Workload;
  readonly client: string;
  readonly direction: Direction;
}

export interface ExchangePlace {
  readonly peer: string;
  readonly service: string;
  readonly protocol: MeterLabels["protocol"];
  /** Address that the exchange went to; empty when it went nowhere. */
  readonly upstream: string;
}

export function recordExchange(relay: Relay, log: ExchangeLog, place: ExchangePlace): void {
  const { workload, direction } = log;
  const { peer, service, protocol } = place;
  const meter = workload.meters.meter({ direction, peer, service, protocol });
  const millis = performance.now() - relay.startedAt;
  const { status, grpcStatus, fault, bytesReceived, bytesSent } = relay;
  if (protocol === "tcp") {
    meter.recordConnection({
      error: fault?.code,
      bytesSent: bytesReceived,
      bytesReceived: bytesSent,
    });
  } else {
    meter.recordRequest({ status, grpcStatus, error: fault?.code, millis });
  }
  workload.accessLog?.({
    direction,
    client: log.client,
    peer,
    service,
    protocol,
    upstream: place.upstream,
    ...(protocol === "tcp" ? {} : describeRequest(relay.head)),
    status,
    grpcStatus,
    error: fault?.code,
    detail: fault?.detail,
    ...(fault === undefined ? {} : { flag: responseFlag(fault.code) }),
    bytesReceived,
    bytesSent,
    millis,
    attempts: relay.attempts,
  });
}

function describeRequest(head: RequestHead): {
  method: string;
  authority: string;
  path: string;
  traceparent?: string;
} {
  const { method, authority, path, headers } = head;
  const index = headers.indexOf("traceparent");
  const traceparent = index < 0 || index % 2 === 1 ? undefined : headers[index + 1];
  return { method, authority, path, ...(traceparent === undefined ? {} : { traceparent }) };
}
