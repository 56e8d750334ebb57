/** Second stage: what the mesh knows of the original destination. */
import type { AppProtocol, Destination, Endpoint } from "../discovery/destination.ts";
import type { Accepted } from "./accept.ts";
import type { OutboundContext } from "./serve.ts";

export interface Discovered extends Accepted {
  readonly destination: Destination;
  /** `namespace/name` for metrics and logs. */
  readonly service: string;
  /** What is spoken there, as declared; undefined means that the bytes must tell. */
  readonly declared: AppProtocol | undefined;
}

export async function discoverDestination(
  accepted: Accepted,
  context: OutboundContext,
): Promise<Discovered> {
  const { ip, port } = accepted.origDst;
  const { discovery, isOpaquePort } = context.workload;
  const destination = discovery.lookup(ip, port) ?? (await discovery.resolve(ip, port));
  const declared = isOpaquePort(port) ? "tcp" : declaredProtocol(destination);
  return { ...accepted, destination, declared, service: serviceName(destination) };
}

/** What is known by now: endpoints come and go while a connection is looked at, and as long as it lives. */
export function currentDestination(
  { destination, origDst }: Discovered,
  { workload }: OutboundContext,
): Destination {
  return workload.discovery.lookup(origDst.ip, origDst.port) ?? destination;
}

/** What is outside the mesh stays as it is, so its bytes are nobody's business. */
function declaredProtocol(destination: Destination): AppProtocol | undefined {
  if (destination.kind === "unknown") return "tcp";
  const endpoint = firstEndpoint(destination);
  // A tunnel that only carries bytes carries bytes.
  if (endpoint?.tunnel === "hbone") return "tcp";
  return destination.protocol;
}

function firstEndpoint(destination: Destination): Endpoint | undefined {
  if (destination.kind === "service") return destination.endpoints[0];
  return destination.kind === "workload" ? destination.endpoint : undefined;
}

function serviceName(destination: Destination): string {
  switch (destination.kind) {
    case "service":
      return `${destination.namespace}/${destination.name}`;
    case "workload":
      return `${destination.endpoint.namespace}/${destination.endpoint.workload}`;
    case "unknown":
      return "external";
  }
}
