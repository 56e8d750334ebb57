/** Twenty-line proxies over Node's own HTTP libraries: what an engine of one's own has to beat. */
import type { Peer, Traffic } from "../peer.ts";
import type { Leaf } from "../site/certificates.ts";
import { meshPort, outboundPort, startPair } from "./pair.ts";

export const nodePeers: readonly Peer[] = [
  peer("node-http", "node:http, HTTP/1.1 keep-alive over mTLS between", ["http1"]),
  peer("node-http2", "node:http2, HTTP/2 over mTLS between", ["http2", "grpc"]),
];

function peer(name: string, description: string, carries: readonly Traffic[]): Peer {
  const program = new URL(`../proxies/${name}.ts`, import.meta.url).pathname;
  return {
    name,
    description,
    carries,
    available: async () => ({ version: process.versions.node }),
    start: (site) => {
      const { authority, client, server } = site.certificates;
      const start = [process.execPath, program];
      const files = (leaf: Leaf) => [authority, leaf.certificate, leaf.key];
      return startPair(site, {
        name,
        outbound: [
          ...start,
          "outbound",
          String(outboundPort),
          site.serverAddress,
          String(meshPort),
          ...files(client),
        ],
        inbound: [
          ...start,
          "inbound",
          String(meshPort),
          "127.0.0.1",
          String(site.backendPort),
          ...files(server),
        ],
      });
    },
  };
}
