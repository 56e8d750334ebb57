/** No proxy at all: what is left of the latency when the mesh is taken away. */
import type { Peer } from "../peer.ts";

export const direct: Peer = {
  name: "direct",
  description: "no proxy: client and backend over the same link, in plaintext",
  carries: ["http1", "http2", "grpc", "tcp"],
  available: async () => ({ version: "-" }),
  start: async (site) => ({
    target: { host: site.serverAddress, port: site.backendPort },
    outbound: [],
    inbound: [],
    startToReady: undefined,
    stop: async () => {},
  }),
};
