/** The end of every exchange: counted once, logged once, and kept for a while when it failed. */
import { monotonicNow } from "../../core/monotonic.ts";
import type { RequestHead } from "../../protocol/exchange.ts";
import type { AccessEntry, AccessLog } from "../telemetry/access-log.ts";
import type { Direction } from "../telemetry/families.ts";
import { ConnectionMeters, type MeterLabels } from "../telemetry/meter.ts";
import type { Workload } from "../workload.ts";
import type { Relay } from "./relay.ts";
import { responseFlag } from "./rescue.ts";

export interface ClientOfRecord {
  readonly workload: Workload;
  readonly direction: Direction;
  /** Address of the client, for the access log. */
  readonly client: string;
  /** `namespace/name` that is counted for. */
  readonly service: string;
}

/** What policies had to say of an exchange. */
export interface PolicyOfRecord {
  /** The one that allowed or denied it. */
  readonly policy: string | undefined;
  /** The one in audit mode that would have denied it. */
  readonly audit: string | undefined;
}

/** Records the exchanges of one client connection. */
export class Recorder {
  readonly #client: ClientOfRecord;
  readonly #meters: ConnectionMeters;
  readonly #accessLog: AccessLog | undefined;

  constructor(client: ClientOfRecord) {
    const { workload, direction, service } = client;
    this.#client = client;
    this.#meters = new ConnectionMeters(workload.meters, direction, service);
    this.#accessLog = workload.accessLog;
  }

  /** `describeUpstream` is asked for the upstream's address only when it is logged. */
  record(
    relay: Relay,
    peer: string,
    protocol: MeterLabels["protocol"],
    describeUpstream: () => string,
    said?: PolicyOfRecord,
  ): void {
    const meter = this.#meters.find(peer, protocol);
    const millis = monotonicNow() - relay.startedAt;
    const { status, grpcStatus, fault, bytesReceived, bytesSent } = relay;
    const error = fault?.code;
    if (protocol === "tcp") {
      meter.recordConnection({ error, bytesSent: bytesReceived, bytesReceived: bytesSent });
    } else {
      meter.recordRequest(status, grpcStatus, error, millis);
    }
    if (this.#accessLog === undefined && error === undefined) return;
    const { direction, client, service, workload } = this.#client;
    const head = protocol === "tcp" ? undefined : relay.head;
    const entry: AccessEntry = {
      direction,
      client,
      peer,
      service,
      protocol,
      upstream: describeUpstream(),
      method: head?.method,
      authority: head?.authority,
      path: head?.path,
      traceparent: head && traceparentOf(head),
      status,
      grpcStatus,
      error,
      detail: fault?.detail,
      flag: fault && responseFlag(fault.code),
      policy: said?.policy,
      audit: said?.audit,
      bytesReceived,
      bytesSent,
      millis: Math.round(millis * 1_000) / 1_000,
      attempts: relay.attempts,
    };
    this.#accessLog?.(entry);
    if (error !== undefined) workload.failures.add({ ...entry, error });
  }
}

function traceparentOf({ headers }: RequestHead): string | undefined {
  const index = headers.indexOf("traceparent");
  return index < 0 || index % 2 === 1 ? undefined : headers[index + 1];
}
