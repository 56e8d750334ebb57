/** What the control plane has told of workloads and services, and the destinations that follow from it. */

import { portPolicy } from "../../api/mesh-policy.ts";
import {
  type MeshAddress,
  type MeshService,
  serviceKey,
  type Workload,
} from "../../api/workload.ts";
import { formatSpiffeId } from "../../core/spiffe-id.ts";
import type { AppProtocol, Destination, Endpoint, Tunnel } from "./destination.ts";

interface Held {
  readonly version: string;
  readonly address: MeshAddress;
}

/** The destinations made of one address. */
interface Remembering {
  /** Whether somebody asked since the last `takeUsed`. */
  used: boolean;
  readonly ports: Map<number, Remembered>;
}

interface Remembered {
  destination: Destination;
  /** The book's generation that the destination was made in. */
  generation: number;
}

/**
 * Resources go by name: `/IP`, `NAMESPACE/HOSTNAME` or a workload's uid. Destinations are made when they are asked
 * for, and again after a change; as long as nothing about them changed they stay the same objects.
 */
export class AddressBook {
  readonly #held = new Map<string, Held>();
  readonly #absent = new Set<string>();
  /** Workloads by the service that they serve, and by uid. */
  readonly #members = new Map<string, Map<string, Workload>>();
  readonly #destinations = new Map<string, Remembering>();
  #generation = 0;

  get size(): number {
    return this.#held.size;
  }

  /** Name to version, for the first request of a new stream. */
  versions(): Map<string, string> {
    return new Map(Array.from(this.#held, ([name, { version }]) => [name, version]));
  }

  get(name: string): MeshAddress | undefined {
    return this.#held.get(name)?.address;
  }

  /** Whether the control plane has answered for this name, if only to say that it is nothing of the mesh. */
  knows(name: string): boolean {
    return this.#held.has(name) || this.#absent.has(name);
  }

  put(name: string, version: string, address: MeshAddress): void {
    this.#dropMember(name);
    this.#absent.delete(name);
    this.#held.set(name, { version, address });
    this.#generation += 1;
    if (address.kind === "workload") this.#addMember(address);
  }

  remove(name: string): void {
    this.#drop(name);
    // Only addresses are asked for; a pod that a service has lost is not to be remembered for ever.
    if (name.startsWith("/")) this.#absent.add(name);
  }

  /** Forgets a name that nobody uses any more, and the workloads that were only told because of it. */
  forget(name: string): void {
    const old = this.get(name);
    this.#drop(name);
    this.#absent.delete(name);
    this.#destinations.delete(name.slice(1));
    if (old?.kind !== "service") return;
    const members = this.#members.get(serviceKey(old));
    for (const { uid, services } of Array.from(members?.values() ?? [])) {
      if (!this.#holdsAnyOf(services)) this.#drop(uid);
    }
  }

  /** Whether the address was looked up since this was last asked. */
  takeUsed(ip: string): boolean {
    const remembering = this.#destinations.get(ip);
    const used = remembering?.used === true;
    if (remembering !== undefined) remembering.used = false;
    return used;
  }

  /** Undefined when the address was never asked for. */
  destination(ip: string, port: number): Destination | undefined {
    let remembering = this.#destinations.get(ip);
    const known = remembering?.ports.get(port);
    if (remembering !== undefined) remembering.used = true;
    if (known?.generation === this.#generation) return known.destination;
    const made = this.#make(ip, port);
    if (made === undefined) return undefined;
    const destination = known === undefined ? made : keepUnchanged(known.destination, made);
    if (remembering === undefined) {
      remembering = { used: true, ports: new Map() };
      this.#destinations.set(ip, remembering);
    }
    // A port scan by the application must not be remembered port by port.
    if (remembering.ports.size < maxPortsPerAddress || known !== undefined) {
      remembering.ports.set(port, { destination, generation: this.#generation });
    }
    return destination;
  }

  #holdsAnyOf(services: Workload["services"]): boolean {
    for (const { address } of this.#held.values()) {
      if (address.kind === "service" && services.has(serviceKey(address))) return true;
    }
    return false;
  }

  #make(ip: string, port: number): Destination | undefined {
    const name = `/${ip}`;
    const address = this.get(name);
    if (address === undefined) return this.#absent.has(name) ? unknown : undefined;
    if (address.kind === "service") return this.#service(address, port);
    if (address.hostNetwork) return unknown;
    return {
      kind: "workload",
      protocol: workloadProtocol(address, port),
      endpoint: endpointOf(address, ip, port),
    };
  }

  #service(service: MeshService, port: number): Destination {
    const mapping = service.ports.find(({ servicePort }) => servicePort === port);
    // A port that the Service does not have goes nowhere, as it would without the mesh.
    if (mapping === undefined) return unknown;
    const key = serviceKey(service);
    const endpoints: Endpoint[] = [];
    for (const workload of this.#members.get(key)?.values() ?? []) {
      if (!workload.healthy && !service.allowUnhealthy) continue;
      const own = workload.services.get(key)?.find(({ servicePort }) => servicePort === port);
      const target = own?.targetPort || mapping.targetPort;
      const [ip] = workload.addresses;
      if (target > 0 && ip !== undefined) endpoints.push(endpointOf(workload, ip, target));
    }
    const { namespace, name, hostname } = service;
    const protocol = appProtocol(mapping.protocol);
    return { kind: "service", namespace, name, hostname, port, protocol, endpoints };
  }

  /** A pod may be held under its uid and under its address: the other name keeps it a member. */
  #drop(name: string): void {
    const old = this.#held.get(name)?.address;
    this.#dropMember(name);
    this.#held.delete(name);
    this.#generation += 1;
    if (old?.kind !== "workload") return;
    for (const other of [old.uid, ...old.addresses.map((ip) => `/${ip}`)]) {
      const held = this.get(other);
      if (held?.kind === "workload" && held.uid === old.uid) this.#addMember(held);
    }
  }

  #addMember(workload: Workload): void {
    for (const service of workload.services.keys()) {
      const members = this.#members.get(service) ?? new Map<string, Workload>();
      this.#members.set(service, members);
      members.set(workload.uid, workload);
    }
  }

  #dropMember(name: string): void {
    const old = this.#held.get(name)?.address;
    if (old?.kind !== "workload") return;
    for (const service of old.services.keys()) {
      const members = this.#members.get(service);
      members?.delete(old.uid);
      if (members?.size === 0) this.#members.delete(service);
    }
  }
}

/** Ports of one address that one pod talks to. */
const maxPortsPerAddress = 64;

const unknown: Destination = { kind: "unknown" };

function endpointOf(workload: Workload, ip: string, port: number): Endpoint {
  const { namespace, serviceAccount, trustDomain, uid, workloadName } = workload;
  const tunnel = tunnelOf(workload);
  const identity =
    tunnel === "none" ? undefined : formatSpiffeId({ trustDomain, namespace, serviceAccount });
  const endpoint = { ip, port, tunnel, identity, namespace, workload: workloadName, uid };
  const strictBy = tunnel === "none" ? strictPolicy(workload, port) : undefined;
  return strictBy === undefined ? endpoint : { ...endpoint, strictBy };
}

function strictPolicy({ meshPolicy }: Workload, port: number): string | undefined {
  if (meshPolicy === undefined) return undefined;
  const { mtls, mtlsPolicy } = portPolicy(meshPolicy, port);
  return mtls === "strict" ? mtlsPolicy : undefined;
}

function tunnelOf(workload: Workload): Tunnel {
  if (!workload.hbone) return "none";
  return workload.remora ? "mesh" : "hbone";
}

function appProtocol(protocol: MeshService["ports"][number]["protocol"]): AppProtocol | undefined {
  return protocol === "unknown" ? undefined : protocol;
}

/** A pod that is dialled by its own address: what a Service says of the same port holds. */
function workloadProtocol(workload: Workload, port: number): AppProtocol | undefined {
  for (const mappings of workload.services.values()) {
    const mapping = mappings.find(({ targetPort }) => targetPort === port);
    if (mapping !== undefined) return appProtocol(mapping.protocol);
  }
  return undefined;
}

/** Readers compare destinations and endpoint arrays by identity. */
function keepUnchanged(old: Destination, made: Destination): Destination {
  if (old.kind === "service" && made.kind === "service") {
    const endpoints = sameEndpoints(old.endpoints, made.endpoints) ? old.endpoints : made.endpoints;
    if (endpoints === old.endpoints && old.protocol === made.protocol) return old;
    return { ...made, endpoints: keepEach(old.endpoints, endpoints) };
  }
  if (old.kind === "workload" && made.kind === "workload") {
    const same = sameEndpoint(old.endpoint, made.endpoint) && old.protocol === made.protocol;
    return same ? old : made;
  }
  return made;
}

/** An endpoint that stayed keeps its object, by which its connection pools are found. */
function keepEach(old: readonly Endpoint[], made: readonly Endpoint[]): readonly Endpoint[] {
  if (old === made) return made;
  const known = new Map(old.map((endpoint) => [`${endpoint.uid} ${endpoint.port}`, endpoint]));
  return made.map((endpoint) => {
    const before = known.get(`${endpoint.uid} ${endpoint.port}`);
    return before !== undefined && sameEndpoint(before, endpoint) ? before : endpoint;
  });
}

function sameEndpoints(one: readonly Endpoint[], other: readonly Endpoint[]): boolean {
  if (one.length !== other.length) return false;
  return one.every((endpoint, index) => sameEndpoint(endpoint, other[index] as Endpoint));
}

function sameEndpoint(one: Endpoint, other: Endpoint): boolean {
  return (
    one.ip === other.ip &&
    one.port === other.port &&
    one.uid === other.uid &&
    one.tunnel === other.tunnel &&
    one.identity === other.identity &&
    one.strictBy === other.strictBy &&
    one.workload === other.workload
  );
}
