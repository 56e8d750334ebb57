/** HAProxy with HTTP/1 between the pair, with HTTP/2 between it, and as a TCP proxy. */
import { writeFileSync } from "node:fs";
import type { Peer, Traffic } from "../peer.ts";
import type { Leaf } from "../site/certificates.ts";
import { cipherSuite } from "../site/cipher-suite.ts";
import { versionOf } from "../site/command.ts";
import type { Site } from "../site/site.ts";
import { meshPort, outboundPort, startPair } from "./pair.ts";

type Between = "http1" | "http2" | "tcp";

export const haproxyPeers: readonly Peer[] = [
  peer("haproxy", "http1", "HAProxy, HTTP/1.1 keep-alive over mTLS between", ["http1"]),
  peer("haproxy-h2", "http2", "HAProxy, HTTP/2 over mTLS between", ["http1", "http2", "grpc"]),
  peer("haproxy-tcp", "tcp", "HAProxy in TCP mode, mTLS between", ["tcp"]),
];

function peer(
  name: string,
  between: Between,
  description: string,
  carries: readonly Traffic[],
): Peer {
  return {
    name,
    description: `${description}, one thread`,
    carries,
    available: async () => {
      const version = await versionOf("haproxy", ["-v"], /HAProxy version (\S+)/);
      return version === undefined ? { missing: "haproxy is not installed" } : { version };
    },
    start: (site, traffic) => {
      const outbound = `${site.folder}/haproxy-outbound.cfg`;
      const inbound = `${site.folder}/haproxy-inbound.cfg`;
      writeFileSync(outbound, outboundConfig(site, between, traffic));
      writeFileSync(inbound, inboundConfig(site, between, traffic));
      const command = (file: string) => ["haproxy", "-db", "-f", file];
      return startPair(site, { name, outbound: command(outbound), inbound: command(inbound) });
    },
  };
}

function outboundConfig(site: Site, between: Between, traffic: Traffic): string {
  const peerSide = `${tls(site, site.certificates.client)} ${alpn[between]}`;
  const servers = site.destinations.map(
    (address, at) => `  server peer-${at} ${address}:${meshPort} ${peerSide}`,
  );
  return `${head(between)}
frontend outbound
  bind 127.0.0.1:${outboundPort} ${appSide(traffic)}
  default_backend peer
backend peer
  ${between === "tcp" ? "" : "http-reuse always"}
${servers.join("\n")}
`;
}

function inboundConfig(site: Site, between: Between, traffic: Traffic): string {
  const peerSide = `${tls(site, site.certificates.server)} ${alpn[between]}`;
  return `${head(between)}
frontend inbound
  bind 0.0.0.0:${meshPort} ${peerSide}
  default_backend app
backend app
  ${between === "tcp" ? "" : "http-reuse always"}
  server app 127.0.0.1:${site.backendPort} ${appSide(traffic)}
`;
}

const alpn: Readonly<Record<Between, string>> = {
  http1: "alpn http/1.1",
  http2: "alpn h2",
  tcp: "",
};

function tls(site: Site, leaf: Leaf): string {
  const versions = `ssl-min-ver TLSv1.3 ciphersuites ${cipherSuite}`;
  return `ssl crt ${leaf.combined} ca-file ${site.certificates.authority} verify required ${versions}`;
}

function appSide(traffic: Traffic): string {
  return traffic === "http2" || traffic === "grpc" ? "proto h2" : "";
}

function head(between: Between): string {
  return `
global
  nbthread 1
  maxconn 9000
defaults
  mode ${between === "tcp" ? "tcp" : "http"}
  timeout connect 5s
  timeout client 1h
  timeout server 1h
`;
}
