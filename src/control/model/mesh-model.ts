/**
 * The mesh as it follows from Kubernetes objects, kept up to date object by object: a change costs what hangs on it,
 * not what there is.
 */
import { isDeepStrictEqual } from "node:util";
import { create } from "@bufbuild/protobuf";
import { addressType } from "../../api/discovery.ts";
import { AddressSchema } from "../../api/gen/workload_pb.ts";
import type { EndpointSlice, MeshObject, Node, Pod, Service } from "../../api/kubernetes.ts";
import type { AuthorizationPolicy, MeshPolicy } from "../../api/policy-kinds.ts";
import { AddressClaims } from "./address-claims.ts";
import { EndpointIndex, type ModelEndpoint, readEndpoints } from "./endpoints.ts";
import { addTo, deleteFrom } from "./index-of.ts";
import { byEndpoints, bySelectors, portsOf } from "./memberships.ts";
import type { ObjectDelta } from "./object-delta.ts";
import { type PodPolicies, PolicyIndex } from "./policy-index.ts";
import { encodeResource, type Resource } from "./resource.ts";
import { encodeService, type Membership, type ModelService, readService } from "./service.ts";
import type { MeshService, MeshSnapshot, MeshWorkload, ModelConfig } from "./snapshot.ts";
import {
  encodeExternal,
  encodeWorkload,
  type Locality,
  type ModelPod,
  readPod,
} from "./workload.ts";

/** A pod or an endpoint as it is told to proxies, with what must be undone when it changes. */
interface Built {
  readonly workload: MeshWorkload;
  readonly uid: string;
  /** The addresses by which it is found. */
  readonly addresses: readonly string[];
  readonly services: readonly string[];
  readonly policies: PodPolicies | undefined;
}

type PodWork = "all" | "policies";

export class MeshModel {
  readonly #config: ModelConfig;
  readonly #membership: Membership;
  readonly #pods = new Map<string, ModelPod>();
  readonly #podsByNamespace = new Map<string, Set<string>>();
  readonly #podClaims = new AddressClaims<ModelPod>();
  readonly #services = new Map<string, ModelService>();
  readonly #servicesByNamespace = new Map<string, Set<ModelService>>();
  readonly #serviceClaims = new AddressClaims<ModelService>();
  readonly #endpoints = new EndpointIndex();
  readonly #localities = new Map<string, Locality>();
  readonly #policies: PolicyIndex;

  /** By the pod's key, or the endpoint's uid. */
  readonly #built = new Map<string, Built>();
  readonly #workloads = new Map<string, MeshWorkload>();
  readonly #workloadsByPod = new Map<string, MeshWorkload>();
  readonly #byIp = new Map<string, MeshWorkload>();
  readonly #meshServices = new Map<string, MeshService>();
  readonly #servicesByIp = new Map<string, MeshService>();
  /** By service, also of services that are not there (yet). */
  readonly #members = new Map<string, Map<string, Resource>>();

  #dirtyPods = new Map<string, PodWork>();
  #dirtyServices = new Set<string>();
  /** Uids of endpoints that name no pod. */
  #dirtyEndpoints = new Set<string>();
  #change = 0;
  #changed = new Set<string>();
  #policiesChanged = false;

  constructor(config: ModelConfig, membership: Membership) {
    this.#config = config;
    this.#membership = membership;
    this.#policies = new PolicyIndex(config.rootNamespace);
  }

  /** Takes changes that belong together; what is told never shows a part of them. */
  apply(delta: ObjectDelta): MeshSnapshot {
    this.#change += 1;
    this.#changed = new Set();
    this.#policiesChanged = false;
    for (const [key, object] of delta) this.#take(key, object);
    for (const key of this.#dirtyServices) this.#buildService(key);
    for (const [key, work] of this.#dirtyPods) this.#buildPod(key, work);
    for (const uid of this.#dirtyEndpoints) this.#buildExternal(uid);
    this.#dirtyServices = new Set();
    this.#dirtyPods = new Map();
    this.#dirtyEndpoints = new Set();
    return {
      workloads: this.#workloads,
      services: this.#meshServices,
      policies: this.#policies.resources,
      pods: this.#workloadsByPod,
      findByIp: (ip) => this.#servicesByIp.get(ip) ?? this.#byIp.get(ip),
      changed: this.#changed,
      policiesChanged: this.#policiesChanged,
    };
  }

  #take(objectKey: string, object: MeshObject | undefined): void {
    const space = objectKey.indexOf(" ");
    const key = objectKey.slice(space + 1);
    switch (objectKey.slice(0, space)) {
      case "Pod":
        return this.#takePod(key, object as Pod | undefined);
      case "Service":
        return this.#takeService(key, object as Service | undefined);
      case "EndpointSlice":
        return this.#takeSlice(key, object as EndpointSlice | undefined);
      case "Node":
        return this.#takeNode(key, object as Node | undefined);
      case "AuthorizationPolicy":
        this.#policies.setAuthorization(key, object as AuthorizationPolicy | undefined);
        this.#policiesChanged = true;
        return this.#askPolicies(key);
      case "MeshPolicy":
        this.#policies.setMesh(key, object as MeshPolicy | undefined);
        return this.#askPolicies(key);
      default:
    }
  }

  #takePod(key: string, object: Pod | undefined): void {
    const before = this.#pods.get(key);
    const pod = object && readPod(object, this.#config.trustDomain);
    this.#touchPod(key);
    this.#pods.delete(key);
    deleteFrom(this.#podsByNamespace, namespaceOf(key), key);
    if (pod !== undefined) {
      this.#pods.set(key, pod);
      addTo(this.#podsByNamespace, namespaceOf(key), key);
    }
    const [old, now] = [before, pod].map((each) => (each?.hostNetwork === true ? undefined : each));
    for (const rival of this.#podClaims.replace(old, now, this.#change)) this.#touchPod(rival.key);
    // Endpoints that are known by an address only are the pod's that has it.
    for (const address of [...(old?.addresses ?? []), ...(now?.addresses ?? [])]) {
      for (const endpoint of this.#endpoints.ofAddress(address)) this.#touchEndpoint(endpoint);
    }
  }

  #takeService(key: string, object: Service | undefined): void {
    const { clusterDomain } = this.#config;
    const [namespace = "", name = ""] = key.split("/");
    const hostKey = `${namespace}/${name}.${namespace}.svc.${clusterDomain}`;
    const before = this.#services.get(hostKey);
    const service = object && readService(object, clusterDomain, this.#membership);
    this.#dirtyServices.add(hostKey);
    if (before !== undefined) {
      this.#services.delete(hostKey);
      deleteFrom(this.#servicesByNamespace, namespace, before);
    }
    if (service !== undefined) {
      this.#services.set(hostKey, service);
      addTo(this.#servicesByNamespace, namespace, service);
    }
    const rivals = this.#serviceClaims.replace(before, service, this.#change);
    for (const rival of rivals) this.#dirtyServices.add(rival.key);
    if (this.#membership === "selectors") {
      for (const pod of this.#podsByNamespace.get(namespace) ?? []) this.#touchPod(pod);
    } else for (const endpoint of this.#endpoints.ofService(hostKey)) this.#touchEndpoint(endpoint);
  }

  #takeSlice(key: string, object: EndpointSlice | undefined): void {
    const endpoints = object === undefined ? [] : readEndpoints(object, this.#config.clusterDomain);
    for (const endpoint of this.#endpoints.set(key, endpoints)) this.#touchEndpoint(endpoint);
  }

  #takeNode(name: string, object: Node | undefined): void {
    const labels = object?.metadata.labels;
    const region = labels?.["topology.kubernetes.io/region"];
    const zone = labels?.["topology.kubernetes.io/zone"];
    if (region === undefined && zone === undefined) {
      if (!this.#localities.delete(name)) return;
    } else {
      this.#localities.set(name, {
        ...(region === undefined ? {} : { region }),
        ...(zone === undefined ? {} : { zone }),
      });
    }
    // A node's zone is set once, mostly before it has pods: an index of pods by node would be kept for nothing.
    for (const [key, pod] of this.#pods) {
      if (pod.object.spec.nodeName === name) this.#touchPod(key);
    }
  }

  #askPolicies(policyKey: string): void {
    const namespace = namespaceOf(policyKey);
    const pods = this.#policies.reachesAll(namespace)
      ? this.#pods.keys()
      : (this.#podsByNamespace.get(namespace) ?? []);
    for (const pod of pods) if (!this.#dirtyPods.has(pod)) this.#dirtyPods.set(pod, "policies");
  }

  #touchPod(key: string): void {
    this.#dirtyPods.set(key, "all");
  }

  #touchEndpoint(endpoint: ModelEndpoint): void {
    if (endpoint.pod !== undefined) return this.#touchPod(endpoint.pod);
    this.#dirtyEndpoints.add(endpoint.uid);
    for (const address of endpoint.addresses) {
      const owner = this.#podClaims.owner(address);
      if (owner !== undefined) this.#touchPod(owner.key);
    }
  }

  #buildService(key: string): void {
    const service = this.#services.get(key);
    const before = this.#meshServices.get(key);
    if (before !== undefined) {
      for (const ip of before.addresses) {
        if (this.#servicesByIp.get(ip) !== before) continue;
        this.#servicesByIp.delete(ip);
        this.#changed.add(`/${ip}`);
      }
    }
    this.#changed.add(key);
    if (service === undefined) {
      this.#meshServices.delete(key);
      return this.#forgetEmpty(key);
    }
    const addresses = service.addresses.filter((ip) => this.#serviceClaims.owner(ip) === service);
    const message = encodeService(service, addresses);
    const address = create(AddressSchema, { type: { case: "service", value: message } });
    const resource = encodeResource(key, addressType, AddressSchema, address);
    const built: MeshService = { resource, addresses, members: this.#membersOf(key) };
    this.#meshServices.set(key, built);
    for (const ip of addresses) {
      this.#servicesByIp.set(ip, built);
      this.#changed.add(`/${ip}`);
    }
  }

  #buildPod(key: string, work: PodWork): void {
    const pod = this.#pods.get(key);
    const before = this.#built.get(key);
    const own = pod?.addresses.filter((ip) => pod.hostNetwork || this.#podClaims.owner(ip) === pod);
    if (pod === undefined || own === undefined || own.length === 0) {
      this.#workloadsByPod.delete(key);
      return this.#replace(key, undefined);
    }
    const policies = this.#policies.of(pod);
    if (work === "policies" && isDeepStrictEqual(policies, before?.policies)) return;
    const { memberships, healthy } = this.#standingOf(pod, own);
    const message = encodeWorkload(pod, {
      trustDomain: this.#config.trustDomain,
      addresses: own,
      memberships,
      healthy,
      locality: this.#localities.get(pod.object.spec.nodeName ?? ""),
      ...policies,
    });
    const address = create(AddressSchema, { type: { case: "workload", value: message } });
    const resource = encodeResource(pod.uid, addressType, AddressSchema, address);
    const same = before?.uid === pod.uid && before.workload.resource.version === resource.version;
    // The addresses and the services are in the bytes, so nothing that is told has changed.
    if (same) return;
    const { namespace } = message;
    const workload = { resource, identity: pod.identity, namespace, policies: policies.policies };
    this.#workloadsByPod.set(key, workload);
    this.#replace(key, {
      workload,
      uid: pod.uid,
      addresses: pod.hostNetwork ? [] : own,
      services: memberships.map(({ service }) => service.key),
      policies,
    });
  }

  #standingOf(pod: ModelPod, own: readonly string[]): ReturnType<typeof byEndpoints> {
    if (this.#membership === "selectors") {
      return bySelectors(pod, this.#servicesByNamespace.get(namespaceOf(pod.key)) ?? []);
    }
    const endpoints = [...this.#endpoints.ofPod(pod.key)];
    if (!pod.hostNetwork) for (const ip of own) endpoints.push(...this.#endpoints.ofAddress(ip));
    return byEndpoints(
      pod,
      endpoints,
      (service) => this.#services.get(service),
      (service, besides) => this.#endpoints.hasReady(service, besides),
    );
  }

  #buildExternal(uid: string): void {
    const endpoint = this.#endpoints.external(uid);
    const service = this.#services.get(endpoint?.service ?? "");
    const isPod = endpoint?.addresses.some((ip) => this.#podClaims.owner(ip) !== undefined);
    if (endpoint === undefined || service === undefined || isPod === true) {
      return this.#replace(uid, undefined);
    }
    const message = encodeExternal(endpoint, { service, ports: portsOf(service, endpoint) });
    const address = create(AddressSchema, { type: { case: "workload", value: message } });
    const resource = encodeResource(endpoint.uid, addressType, AddressSchema, address);
    const { namespace } = endpoint;
    const workload = { resource, identity: undefined, namespace, policies: [] };
    const services = [service.key];
    this.#replace(uid, { workload, uid, addresses: [], services, policies: undefined });
  }

  /** Puts a workload in the place of what was told before under the same key, wherever that is found. */
  #replace(key: string, next: Built | undefined): void {
    const before = this.#built.get(key);
    if (before !== undefined) {
      if (this.#workloads.get(before.uid) === before.workload) this.#workloads.delete(before.uid);
      this.#changed.add(before.uid);
      for (const ip of before.addresses) {
        if (this.#byIp.get(ip) === before.workload) this.#byIp.delete(ip);
        this.#changed.add(`/${ip}`);
      }
      for (const service of before.services) {
        this.#members.get(service)?.delete(before.uid);
        this.#changedService(service);
        this.#forgetEmpty(service);
      }
      this.#built.delete(key);
    }
    if (next === undefined) return;
    this.#built.set(key, next);
    this.#workloads.set(next.uid, next.workload);
    this.#changed.add(next.uid);
    for (const ip of next.addresses) {
      this.#byIp.set(ip, next.workload);
      this.#changed.add(`/${ip}`);
    }
    for (const service of next.services) {
      this.#membersOf(service).set(next.uid, next.workload.resource);
      this.#changedService(service);
    }
  }

  /** A service is also asked for by its addresses. */
  #changedService(key: string): void {
    this.#changed.add(key);
    for (const ip of this.#meshServices.get(key)?.addresses ?? []) this.#changed.add(`/${ip}`);
  }

  #forgetEmpty(service: string): void {
    const isEmpty = this.#members.get(service)?.size === 0;
    if (isEmpty && !this.#meshServices.has(service)) this.#members.delete(service);
  }

  #membersOf(service: string): Map<string, Resource> {
    let members = this.#members.get(service);
    if (members === undefined) {
      members = new Map();
      this.#members.set(service, members);
    }
    return members;
  }
}

function namespaceOf(key: string): string {
  return key.slice(0, key.indexOf("/"));
}
