/** Reads where a peer's exchange wants to go: `remora-dst` for HTTP, the CONNECT authority for opaque bytes. */

import { parseAddress } from "../../core/address.ts";
import { monotonicNow } from "../../core/monotonic.ts";
import type {
  MessageReader,
  MessageWriter,
  RequestAcceptor,
  RequestHead,
  ResponseHead,
} from "../../protocol/exchange.ts";
import { createHttp1Server } from "../../protocol/http1/server.ts";
import { createHttp2Server } from "../../protocol/http2/server.ts";
import { takeDestination } from "../http/mesh-headers.ts";
import { Relay } from "../http/relay.ts";
import { TunnelWire } from "../transport/tunnel-wire.ts";
import type { Client } from "./authorize.ts";
import type { InboundContext } from "./context.ts";
import { InboundExchanges, type Target } from "./exchanges.ts";
import { isHttpDeclared } from "./protocol.ts";

export class MeshExchanges extends InboundExchanges implements RequestAcceptor {
  readonly #context: InboundContext;

  constructor(context: InboundContext, client: Client) {
    super(context, client);
    this.#context = context;
  }

  onRequest(
    head: RequestHead,
    end: boolean,
    response: MessageWriter<ResponseHead>,
  ): MessageReader<RequestHead> {
    const target = this.#target(head);
    if (target === undefined) {
      // HBONE's answer to what is not a tunnel to this pod.
      const proxyStatus = 'remora; error=http_request_error; details="no_route: not for this pod"';
      response.head({ status: 400, headers: ["proxy-status", proxyStatus] }, true);
      return ignored;
    }
    if (target.protocol === "opaque" && this.#isHttp(target.port)) {
      const { requests } = this.gate(target.port);
      if (requests === undefined || requests.kind === "permit") {
        return this.#readTunnel(target.port, response);
      }
    }
    const relay = new Relay(head, end, response, this, monotonicNow());
    this.admit(relay, target);
    return relay.request;
  }

  /**
   * A tunnel to a port that speaks HTTP is read like any other HTTP, whoever made it: an application must be able to
   * trust the headers of the mesh, and bytes that only it would take for HTTP must not pass them by.
   */
  #readTunnel(port: number, response: MessageWriter<ResponseHead>): MessageReader<RequestHead> {
    return new TunnelWire(this.#context.wires, response, (protocol, host) => {
      const acceptor = this.accept({ port, protocol }, undefined);
      return protocol === "http1"
        ? createHttp1Server(host, acceptor, this.#context.wires.http1)
        : createHttp2Server(host, acceptor, this.#context.wires.http2);
    });
  }

  #isHttp(port: number): boolean {
    return isHttpDeclared(this.#context.workload.inboundProtocols.get(port));
  }

  #target(head: RequestHead): Target | undefined {
    const destination = takeDestination(head.headers);
    if (destination !== undefined) {
      return { port: destination.port, protocol: destination.http1 ? "http1" : "http2" };
    }
    if (head.method !== "CONNECT" || head.protocol !== "") return undefined;
    const address = parseAddress(head.authority);
    if (address === undefined || address.ip !== this.client.localIp) return undefined;
    return { port: address.port, protocol: "opaque" };
  }
}

const ignored: MessageReader<RequestHead> = {
  onHead() {},
  onData() {},
  onTrailers() {},
  onReset() {},
  onCredit() {},
};
