/** What the names of container ports say about their protocols: `http`, `http2-api`, `grpc-orders`, … */
import type { Container } from "../src/api/kubernetes.ts";

/** A name is `PROTOCOL` or `PROTOCOL-anything`; names that are not here leave the port to detection. */
const protocolOfName: Readonly<Record<string, string>> = {
  http: "http1",
  http1: "http1",
  http2: "http2",
  h2c: "http2",
  grpc: "grpc",
  https: "tls",
  tls: "tls",
  tcp: "tcp",
  mysql: "tcp",
  postgres: "tcp",
  postgresql: "tcp",
  redis: "tcp",
  mongo: "tcp",
};

/** The value of REMORA_INBOUND_PROTOCOLS, `8080=http1,9090=grpc`, in the order of the ports. */
export function describeInboundProtocols(containers: readonly Container[]): string {
  const protocols = new Map<number, string>();
  for (const port of containers.flatMap((container) => container.ports ?? [])) {
    if ((port.protocol ?? "TCP") !== "TCP" || !port.name) continue;
    const word = port.name.split("-")[0] ?? "";
    const protocol = Object.hasOwn(protocolOfName, word) ? protocolOfName[word] : undefined;
    if (protocol !== undefined) protocols.set(port.containerPort, protocol);
  }
  const sorted = Array.from(protocols).sort(([left], [right]) => left - right);
  return sorted.map(([port, protocol]) => `${port}=${protocol}`).join(",");
}
