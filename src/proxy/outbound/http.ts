/** The requests of one application connection: each is routed to an endpoint of its destination by itself. */

import { formatAddress } from "../../core/address.ts";
import { type ErrorCode, MeshError, overloaded } from "../../core/mesh-error.ts";
import { monotonicNow } from "../../core/monotonic.ts";
import type {
  MessageReader,
  MessageWriter,
  RequestAcceptor,
  RequestHead,
  Reset,
  ResponseHead,
} from "../../protocol/exchange.ts";
import type { EndpointLoad } from "../balance/endpoint-load.ts";
import type { Picker } from "../balance/picker.ts";
import type { UpstreamProtocol, Upstreams } from "../balance/upstreams.ts";
import type { Endpoint } from "../discovery/destination.ts";
import {
  isUnprocessed,
  markDestination,
  stripMeshHeaders,
  unmarkDestination,
} from "../http/mesh-headers.ts";
import { Recorder } from "../http/record.ts";
import { Relay, type RelayOwner } from "../http/relay.ts";
import { isGrpc } from "../http/rescue.ts";
import type { Overload } from "../transport/overload.ts";
import type { Workload } from "../workload.ts";

/** Endpoints that one request is offered to before it fails; beyond that the service is down, not a pod. */
const maxAttempts = 3;

export interface OutboundHttpOptions {
  readonly workload: Workload;
  readonly upstreams: Upstreams;
  readonly overload: Overload;
  readonly client: string;
  /** `namespace/name` for metrics. */
  readonly service: string;
  readonly protocol: "http1" | "http2";
  /** The current endpoints of the destination. */
  readonly picker: () => Picker;
}

/** What the relay carries from start to end. */
interface Attempt {
  load: EndpointLoad | undefined;
  tried: Set<EndpointLoad> | undefined;
}

export class OutboundHttp implements RequestAcceptor, RelayOwner {
  readonly #options: OutboundHttpOptions;
  readonly #recorder: Recorder;

  constructor(options: OutboundHttpOptions) {
    this.#options = options;
    const { workload, client, service } = options;
    this.#recorder = new Recorder({ workload, direction: "outbound", client, service });
  }

  onRequest(
    head: RequestHead,
    end: boolean,
    response: MessageWriter<ResponseHead>,
  ): MessageReader<RequestHead> {
    const now = monotonicNow();
    const relay = new Relay(head, end, response, this, now);
    const attempt: Attempt = { load: undefined, tried: undefined };
    relay.tag = attempt;
    stripMeshHeaders(head.headers);
    if (this.#options.overload.admitExchange(0)) this.#send(relay, attempt, now);
    else relay.fail(overloaded());
    return relay.request;
  }

  onResponse(relay: Relay, head: ResponseHead): void {
    stripMeshHeaders(head.headers);
    const now = monotonicNow();
    (relay.tag as Attempt).load?.observe(now - relay.startedAt, now);
  }

  /** The other pod's proxy did not reach its application: another pod may. */
  reclaim(relay: Relay, head: ResponseHead): boolean {
    const attempt = relay.tag as Attempt;
    if (!isUnprocessed(head.headers) || attempt.load === undefined) return false;
    return this.#tryElsewhere(relay, attempt, attempt.load, "connect_refused");
  }

  retry(relay: Relay, reset: Reset): boolean {
    const attempt = relay.tag as Attempt;
    if (relay.attempts >= maxAttempts) return false;
    this.#options.workload.meters.families.retries.series(reset.code).value += 1;
    this.#release(attempt);
    // Another endpoint when there is one; a stale connection says nothing about its pod.
    this.#send(relay, attempt, monotonicNow());
    return true;
  }

  onEnd(relay: Relay): void {
    const attempt = relay.tag as Attempt;
    const endpoint = attempt.load?.endpoint;
    if (attempt.load !== undefined) attempt.load.pending -= 1;
    const protocol = isGrpc(relay.head) ? "grpc" : this.#options.protocol;
    this.#recorder.record(relay, endpoint?.identity ?? "unknown", protocol, () =>
      endpoint === undefined ? "" : formatAddress(endpoint),
    );
  }

  #send(relay: Relay, attempt: Attempt, now: number): void {
    const load = this.#options.picker().pick(now, attempt.tried);
    if (load === undefined) {
      relay.fail(noEndpoint(this.#options.service));
      return;
    }
    attempt.load = load;
    load.pending += 1;
    const protocol = this.#address(relay.head, load.endpoint);
    this.#options.upstreams.pool(load.endpoint, protocol).take(relay);
  }

  connectFailed(relay: Relay, error: unknown): void {
    if (relay.over) return;
    relay.attempts += 1;
    const attempt = relay.tag as Attempt;
    const load = attempt.load as EndpointLoad;
    if (!this.#tryElsewhere(relay, attempt, load, "connect_refused")) relay.fail(error);
  }

  /** False when every endpoint was tried, or as many as one request may. */
  #tryElsewhere(relay: Relay, attempt: Attempt, failed: EndpointLoad, reason: ErrorCode): boolean {
    const now = monotonicNow();
    failed.penalize(now);
    attempt.tried ??= new Set();
    attempt.tried.add(failed);
    const next = this.#options.picker().pick(now, attempt.tried);
    if (next === undefined || relay.attempts >= maxAttempts) return false;
    this.#options.workload.meters.families.retries.series(reason).value += 1;
    this.#release(attempt);
    this.#send(relay, attempt, now);
    return true;
  }

  #release(attempt: Attempt): void {
    if (attempt.load !== undefined) attempt.load.pending -= 1;
    attempt.load = undefined;
  }

  /** Puts the mesh's own address on the request, or takes an earlier try's away. */
  #address(head: RequestHead, endpoint: Endpoint): UpstreamProtocol {
    if (endpoint.tunnel === "mesh") {
      markDestination(head.headers, endpoint.port, this.#options.protocol === "http1");
      return "mesh";
    }
    unmarkDestination(head.headers);
    return this.#options.protocol;
  }
}

function noEndpoint(service: string): MeshError {
  return new MeshError("no_endpoint", `no ready endpoint of ${service}`, { side: "upstream" });
}
