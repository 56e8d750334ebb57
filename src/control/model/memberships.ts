/** Which services a pod serves, and whether it is ready to. */
import type { ModelEndpoint } from "./endpoints.ts";
import { readAppProtocol } from "./protocol.ts";
import { type ModelService, type PortInit, portsOnPod, selects, tcpPorts } from "./service.ts";
import type { ModelPod, ServiceMembership } from "./workload.ts";

export interface Standing {
  readonly memberships: readonly ServiceMembership[];
  readonly healthy: boolean;
}

/** That an endpoint of a service is the pod. */
interface Claim {
  readonly service: ModelService;
  readonly endpoint: ModelEndpoint;
}

/** By the services' selectors, as a mesh without controllers has it. */
export function bySelectors(pod: ModelPod, services: Iterable<ModelService>): Standing {
  const memberships: ServiceMembership[] = [];
  for (const service of services) {
    if (!selects(service, pod.object)) continue;
    memberships.push({ service, ports: portsOnPod(service.object, pod.object) });
  }
  return { memberships, healthy: pod.ready && !pod.leaving };
}

/**
 * By the endpoints that are said to be the pod. A workload has one health and may serve several services: while one of
 * them takes it for ready, those that do not are left out. A pod that is being ended serves on for those that have no
 * other: what it refuses in the end would fail without it at once. So does one whose node was not heard of: a cluster whose
 * API server was away for a minute calls all pods unready at once. Pods and slices are told by two watches in any order, so
 * a slice that takes a ready pod of the service's selector for unready is behind it, or shortly before it.
 */
export function byEndpoints(
  pod: ModelPod,
  endpoints: Iterable<ModelEndpoint>,
  findService: (key: string) => ModelService | undefined,
  hasReady: (service: string, besides: string) => boolean,
): Standing {
  const found: Claim[] = [];
  for (const endpoint of endpoints) {
    const service = findService(endpoint.service);
    if (service !== undefined && isOf(endpoint, pod)) found.push({ service, endpoint });
  }
  const judged = found.filter(({ service }) => !service.allowUnhealthy);
  const isUsed = ({ service, endpoint }: Claim): boolean => {
    if (endpoint.ready && !pod.leaving) return true;
    if (hasReady(service.key, pod.key)) return false;
    if (pod.leaving) return endpoint.ready || endpoint.draining;
    return pod.unheard || (pod.ready && selects(service, pod.object));
  };
  const isReady = judged.length === 0 ? !pod.leaving : judged.some(isUsed);
  const healthy = (pod.ready || pod.unheard) && isReady;
  // Two families, two slices: the same service once.
  const memberships = new Map<string, ServiceMembership>();
  for (const claim of found) {
    const { service, endpoint } = claim;
    if (healthy && !isUsed(claim) && !service.allowUnhealthy) continue;
    memberships.set(service.key, { service, ports: portsOf(service, endpoint) });
  }
  return { memberships: Array.from(memberships.values()), healthy };
}

/** A slice may still name a pod that was deleted, whose name or address another has by now. */
function isOf(endpoint: ModelEndpoint, pod: ModelPod): boolean {
  if (endpoint.podUid !== undefined && endpoint.podUid !== pod.uid) return false;
  return endpoint.addresses.some((address) => pod.addresses.includes(address));
}

export function portsOf(service: ModelService, { ports }: ModelEndpoint): PortInit[] {
  return tcpPorts(service.object).flatMap((port) => {
    const targetPort = ports.get(port.name ?? "");
    if (targetPort === undefined) return [];
    return [{ servicePort: port.port, targetPort, appProtocol: readAppProtocol(port) }];
  });
}
