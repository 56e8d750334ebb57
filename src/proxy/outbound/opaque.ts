/** Where opaque connections go: one endpoint for each connection, over the mesh when it is there. */
import { monotonicNow } from "../../core/monotonic.ts";
import type { Taker } from "../balance/connection-pool.ts";
import { EndpointLoad } from "../balance/endpoint-load.ts";
import type { Endpoint } from "../discovery/destination.ts";
import { currentDestination, type Discovered } from "./discover.ts";
import { endpointsOf } from "./pickers.ts";
import type { OutboundContext } from "./serve.ts";

/** The endpoint for this connection; outside the mesh it is the original destination itself. */
export function pickEndpoint(
  discovered: Discovered,
  context: OutboundContext,
  tried?: ReadonlySet<EndpointLoad>,
): EndpointLoad | undefined {
  const { origDst, service } = discovered;
  const destination = currentDestination(discovered, context);
  if (destination.kind === "unknown") {
    return tried === undefined ? new EndpointLoad(externalEndpoint(origDst)) : undefined;
  }
  // A TCP connection says nothing about how quickly requests are answered, so its loads are kept apart.
  const key = `tcp|${service}|${origDst.ip}:${origDst.port}`;
  return context.pickers.find(key, endpointsOf(destination)).pick(monotonicNow(), tried);
}

export function openOpaque(endpoint: Endpoint, context: OutboundContext, taker: Taker): void {
  const protocol = endpoint.tunnel === "none" ? "opaque" : "mesh";
  context.upstreams.pool(endpoint, protocol).take(taker);
}

function externalEndpoint(address: { readonly ip: string; readonly port: number }): Endpoint {
  return {
    ...address,
    tunnel: "none",
    identity: undefined,
    namespace: "",
    workload: "",
    uid: "",
  };
}
