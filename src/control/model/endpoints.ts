/** The endpoints that EndpointSlices name, found by the pod or by the address that they are. */
import type { EndpointSlice, SliceEndpoint } from "../../api/kubernetes.ts";
import { normalizeIp, parseIpBytes } from "../../core/address.ts";
import { addTo, deleteFrom } from "./index-of.ts";
import { hostnameOf } from "./service.ts";

/** One endpoint of one slice. */
export interface ModelEndpoint {
  /** `NAMESPACE/HOSTNAME`. */
  readonly service: string;
  readonly namespace: string;
  /** `NAMESPACE/NAME` of the pod that it is said to be. */
  readonly pod: string | undefined;
  readonly podUid: string | undefined;
  readonly addresses: readonly string[];
  readonly ready: boolean;
  /** Its pod is being ended and answers still. */
  readonly draining: boolean;
  /** Ports of the endpoint by the name of the Service's port; those without a name by "". */
  readonly ports: ReadonlyMap<string, number>;
  /** Unlike any other's, for endpoints that are no pods. */
  readonly uid: string;
}

/** The label by which a slice says whose it is. */
const serviceNameLabel = "kubernetes.io/service-name";

/** Those of a slice of no Service, or of names instead of addresses, are none. */
export function readEndpoints(slice: EndpointSlice, clusterDomain: string): ModelEndpoint[] {
  const { name, namespace = "default", labels, deletionTimestamp } = slice.metadata;
  const service = labels?.[serviceNameLabel];
  if (service === undefined || slice.addressType === "FQDN" || deletionTimestamp !== undefined) {
    return [];
  }
  const key = `${namespace}/${hostnameOf(service, namespace, clusterDomain)}`;
  const ports = new Map<string, number>();
  for (const port of slice.ports) {
    const isTcp = (port.protocol ?? "TCP") === "TCP";
    if (isTcp && port.port !== undefined) ports.set(port.name ?? "", port.port);
  }
  return slice.endpoints.flatMap((endpoint) => {
    const addresses = endpoint.addresses.filter((ip) => parseIpBytes(ip)).map(normalizeIp);
    const [first] = addresses;
    if (first === undefined) return [];
    const uid = `Kubernetes//EndpointSlice/${namespace}/${name}/${first}`;
    const { ready, serving, terminating } = endpoint.conditions ?? {};
    const health = { ready: ready !== false, draining: serving === true && terminating === true };
    const pod = podOf(endpoint, namespace);
    return [{ service: key, namespace, ...pod, addresses, ...health, ports, uid }];
  });
}

function podOf(
  { targetRef }: SliceEndpoint,
  namespace: string,
): Pick<ModelEndpoint, "pod" | "podUid"> {
  if (targetRef?.kind !== "Pod" || targetRef.name === undefined) {
    return { pod: undefined, podUid: undefined };
  }
  return { pod: `${namespace}/${targetRef.name}`, podUid: targetRef.uid };
}

export class EndpointIndex {
  readonly #bySlice = new Map<string, readonly ModelEndpoint[]>();
  readonly #byService = new Map<string, Set<ModelEndpoint>>();
  readonly #byPod = new Map<string, Set<ModelEndpoint>>();
  /** Endpoints that name no pod, by address and by uid. */
  readonly #byAddress = new Map<string, Set<ModelEndpoint>>();
  readonly #external = new Map<string, ModelEndpoint>();

  /**
   * Gives the endpoints that were and those that are now; those of the service's other slices too when it gets its first
   * ready one or loses the last, as that decides over those that drain.
   */
  set(slice: string, endpoints: readonly ModelEndpoint[]): readonly ModelEndpoint[] {
    const before = this.#bySlice.get(slice) ?? [];
    const service = (before[0] ?? endpoints[0])?.service ?? "";
    const hadReady = this.hasReady(service);
    for (const endpoint of before) this.#unlink(endpoint);
    for (const endpoint of endpoints) this.#link(endpoint);
    if (endpoints.length === 0) this.#bySlice.delete(slice);
    else this.#bySlice.set(slice, endpoints);
    const others = this.hasReady(service) === hadReady ? [] : this.ofService(service);
    return [...before, ...endpoints, ...others];
  }

  ofService(service: string): Iterable<ModelEndpoint> {
    return this.#byService.get(service) ?? [];
  }

  /** Whether one of the service's endpoints is ready, `pod` and its own left aside. */
  hasReady(service: string, pod?: string): boolean {
    for (const endpoint of this.ofService(service)) {
      if (endpoint.ready && (pod === undefined || endpoint.pod !== pod)) return true;
    }
    return false;
  }

  ofPod(pod: string): Iterable<ModelEndpoint> {
    return this.#byPod.get(pod) ?? [];
  }

  /** Those that name no pod. */
  ofAddress(address: string): Iterable<ModelEndpoint> {
    return this.#byAddress.get(address) ?? [];
  }

  /** One that names no pod. */
  external(uid: string): ModelEndpoint | undefined {
    return this.#external.get(uid);
  }

  #link(endpoint: ModelEndpoint): void {
    addTo(this.#byService, endpoint.service, endpoint);
    if (endpoint.pod !== undefined) return addTo(this.#byPod, endpoint.pod, endpoint);
    this.#external.set(endpoint.uid, endpoint);
    for (const address of endpoint.addresses) addTo(this.#byAddress, address, endpoint);
  }

  #unlink(endpoint: ModelEndpoint): void {
    deleteFrom(this.#byService, endpoint.service, endpoint);
    if (endpoint.pod !== undefined) return deleteFrom(this.#byPod, endpoint.pod, endpoint);
    this.#external.delete(endpoint.uid);
    for (const address of endpoint.addresses) deleteFrom(this.#byAddress, address, endpoint);
  }
}
