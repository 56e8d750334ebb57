/** Reads where a peer's exchange wants to go: `remora-dst` for HTTP, the CONNECT authority for opaque bytes. */
import { parseAddress } from "../../core/address.ts";
import type {
  MessageReader,
  MessageWriter,
  RequestAcceptor,
  RequestHead,
  ResponseHead,
} from "../../protocol/exchange.ts";
import { takeDestination } from "../http/mesh-headers.ts";
import { Relay } from "../http/relay.ts";
import { InboundExchanges, type Target } from "./exchanges.ts";

export class MeshExchanges extends InboundExchanges implements RequestAcceptor {
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
    const relay = new Relay(head, end, response, this, performance.now());
    const decision = this.decide(target.port);
    if (decision.kind === "permit") this.forward(relay, target, decision.permit);
    else this.refuse(relay, target, decision);
    return relay.request;
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
