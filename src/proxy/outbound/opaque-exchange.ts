/** One opaque connection of the application: picked once, retried on another endpoint only while nothing was sent. */

import { formatAddress } from "../../core/address.ts";
import { MeshError } from "../../core/mesh-error.ts";
import { monotonicNow } from "../../core/monotonic.ts";
import type {
  MessageReader,
  MessageWriter,
  RequestAcceptor,
  RequestHead,
  ResponseHead,
} from "../../protocol/exchange.ts";
import type { EndpointLoad } from "../balance/endpoint-load.ts";
import { Recorder } from "../http/record.ts";
import { Relay, type RelayOwner } from "../http/relay.ts";
import type { Detected } from "./detect.ts";
import { openOpaque, pickEndpoint } from "./opaque.ts";
import type { OutboundContext } from "./serve.ts";

/** As for requests: beyond that the service is down, not a pod. */
const maxAttempts = 3;

export class OutboundOpaque implements RequestAcceptor, RelayOwner {
  readonly #detected: Detected;
  readonly #context: OutboundContext;
  readonly #tried = new Set<EndpointLoad>();
  #load: EndpointLoad | undefined;

  constructor(detected: Detected, context: OutboundContext) {
    this.#detected = detected;
    this.#context = context;
  }

  onRequest(
    head: RequestHead,
    end: boolean,
    response: MessageWriter<ResponseHead>,
  ): MessageReader<RequestHead> {
    const relay = new Relay(head, end, response, this, monotonicNow());
    const { spoken, tunnelTo } = this.#detected;
    const tunnel = spoken.kind === "opaque" ? spoken.tunnel : undefined;
    if (tunnel !== undefined && tunnelTo !== undefined && tunnel.capacity > 0) {
      this.#hold(tunnelTo);
      relay.connect(tunnel);
    } else {
      this.#connect(relay);
    }
    return relay.request;
  }

  onResponse(relay: Relay, head: ResponseHead): void {
    const load = this.#load;
    if (head.status < 300) {
      const now = monotonicNow();
      load?.observe(now - relay.startedAt, now);
      return;
    }
    // The application speaks no HTTP: a tunnel that is refused ends as a reset.
    const where = load === undefined ? "the endpoint" : formatAddress(load.endpoint);
    const code = head.status === 401 || head.status === 403 ? "policy_denied" : "connect_refused";
    relay.abort(
      new MeshError(code, `${where} answered the tunnel with ${head.status}`, { side: "upstream" }),
    );
  }

  retry(): boolean {
    return false;
  }

  onEnd(relay: Relay): void {
    const load = this.#load;
    if (load !== undefined) load.pending -= 1;
    const { client, service, origDst } = this.#detected;
    const { workload } = this.#context;
    const recorder = new Recorder({ workload, direction: "outbound", client, service });
    recorder.record(relay, load?.endpoint.identity ?? "unknown", "tcp", () =>
      formatAddress(load?.endpoint ?? origDst),
    );
  }

  #hold(load: EndpointLoad): void {
    this.#load = load;
    load.pending += 1;
  }

  #connect(relay: Relay): void {
    const tried = this.#tried.size === 0 ? undefined : this.#tried;
    const load = pickEndpoint(this.#detected, this.#context, tried);
    if (load === undefined) {
      relay.fail(
        new MeshError("no_endpoint", `no ready endpoint of ${this.#detected.service}`, {
          side: "upstream",
        }),
      );
      return;
    }
    this.#hold(load);
    relay.head.authority = formatAddress(load.endpoint);
    openOpaque(load.endpoint, this.#context, relay);
  }

  connectFailed(relay: Relay, error: unknown): void {
    const load = this.#load;
    if (relay.over || load === undefined) return;
    load.penalize(monotonicNow());
    this.#tried.add(load);
    const next = pickEndpoint(this.#detected, this.#context, this.#tried);
    if (next === undefined || this.#tried.size >= maxAttempts) {
      relay.fail(error);
      return;
    }
    load.pending -= 1;
    this.#load = undefined;
    this.#connect(relay);
  }
}
