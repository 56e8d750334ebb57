/** The whole mesh at one moment, ready to be sent; immutable, and rebuilt from the source's objects when they change. */
import { isDeepStrictEqual } from "node:util";
import { create } from "@bufbuild/protobuf";
import { addressType, authorizationType } from "../../api/discovery.ts";
import { AuthorizationSchema, type Scope } from "../../api/gen/authorization_pb.ts";
import { AddressSchema } from "../../api/gen/workload_pb.ts";
import type {
  AuthorizationPolicy,
  KnownObject,
  MeshPolicy,
  Pod,
  Service,
} from "../../api/kubernetes.ts";
import type { WorkloadPolicy } from "../../api/mesh-policy.ts";
import type { SpiffeId } from "../../core/spiffe-id.ts";
import { resolveMeshPolicy } from "./mesh-policy.ts";
import { encodePolicy, policyKey, policyScope, policySelects } from "./policy.ts";
import { encodeResource, type Resource } from "./resource.ts";
import { encodeService, type ModelService, readService, selects } from "./service.ts";
import { encodeWorkload, type ModelPod, readPod, type WorkloadFacts } from "./workload.ts";

export interface ModelConfig {
  readonly trustDomain: string;
  /** The domain of Service names. */
  readonly clusterDomain: string;
  /** Policies of this namespace hold in all namespaces. */
  readonly rootNamespace: string;
}

export interface MeshWorkload {
  readonly resource: Resource;
  readonly identity: SpiffeId;
  readonly namespace: string;
  /** `NAMESPACE/NAME` of the policies that select it. */
  readonly policies: readonly string[];
}

export interface MeshService {
  readonly resource: Resource;
  /** Every pod behind it, ready or not. */
  readonly members: readonly Resource[];
}

export interface AuthorizationResource {
  readonly resource: Resource;
  readonly scope: Scope;
  readonly namespace: string;
}

export interface MeshSnapshot {
  readonly workloads: ReadonlyMap<string, MeshWorkload>;
  /** By `NAMESPACE/HOSTNAME`. */
  readonly services: ReadonlyMap<string, MeshService>;
  /** By normal text form; pods that share their node's address are not in it. */
  readonly byIp: ReadonlyMap<string, MeshWorkload | MeshService>;
  /** By `NAMESPACE/NAME`. */
  readonly policies: ReadonlyMap<string, AuthorizationResource>;
  /** By the pod's `NAMESPACE/NAME`. */
  readonly pods: ReadonlyMap<string, MeshWorkload>;
}

export interface SnapshotBuilder {
  /** Costs the encoding of what changed: objects that are the same as in an earlier call keep their resources. */
  build(objects: readonly KnownObject[]): MeshSnapshot;
}

export function createSnapshotBuilder(config: ModelConfig): SnapshotBuilder {
  const known = new WeakMap<Pod, BuiltWorkload>();
  return { build: (objects) => buildSnapshot(objects, config, known) };
}

function buildSnapshot(
  objects: readonly KnownObject[],
  config: ModelConfig,
  known: WeakMap<Pod, BuiltWorkload>,
): MeshSnapshot {
  const pods: ModelPod[] = [];
  const services: ModelService[] = [];
  const selectorPolicies: AuthorizationPolicy[] = [];
  const meshPolicies: MeshPolicy[] = [];
  const policies = new Map<string, AuthorizationResource>();
  for (const object of objects) {
    if (object.kind === "Pod") push(pods, readPod(object, config.trustDomain));
    else if (object.kind === "Service") push(services, readService(object, config.clusterDomain));
    else if (object.kind === "AuthorizationPolicy") {
      policies.set(policyKey(object), buildPolicy(object, config));
      if (object.spec.selector !== undefined) selectorPolicies.push(object);
    } else if (object.kind === "MeshPolicy") meshPolicies.push(object);
  }
  const servicesByNamespace = Map.groupBy(services, ({ object }) => object.metadata.namespace);
  const members = new Map<string, Resource[]>(services.map(({ key }) => [key, []]));
  const workloads = new Map<string, MeshWorkload>();
  const podsByKey = new Map<string, MeshWorkload>();
  const byIp = new Map<string, MeshWorkload | MeshService>();
  for (const pod of pods) {
    const near = servicesByNamespace.get(pod.object.metadata.namespace) ?? [];
    const its = near.filter((service) => selects(service, pod.object));
    const selecting = selectorPolicies
      .filter((policy) => policySelects(policy, pod.object, config.rootNamespace))
      .map(policyKey);
    const { rootNamespace } = config;
    const { meshed } = pod;
    const question = { pod: pod.object, rootNamespace, meshed };
    const meshPolicy = resolveMeshPolicy(meshPolicies, question);
    const facts = { services: its, policies: selecting, meshPolicy };
    const workload = reuseWorkload(known, pod, facts, config);
    workloads.set(pod.uid, workload);
    podsByKey.set(pod.key, workload);
    if (!pod.hostNetwork) for (const ip of pod.addresses) byIp.set(ip, workload);
    for (const { key } of its) members.get(key)?.push(workload.resource);
  }
  const meshServices = new Map<string, MeshService>();
  for (const service of services) {
    const built = buildService(service, members.get(service.key) ?? []);
    meshServices.set(service.key, built);
    for (const ip of service.addresses) byIp.set(ip, built);
  }
  return { workloads, services: meshServices, byIp, policies, pods: podsByKey };
}

/** A workload with all that it was made of. */
interface BuiltWorkload {
  readonly services: readonly Service[];
  readonly policies: readonly string[];
  readonly meshPolicy: WorkloadPolicy | undefined;
  readonly workload: MeshWorkload;
}

function reuseWorkload(
  known: WeakMap<Pod, BuiltWorkload>,
  pod: ModelPod,
  facts: Omit<WorkloadFacts, "trustDomain">,
  { trustDomain }: ModelConfig,
): MeshWorkload {
  const { policies, meshPolicy } = facts;
  const services = facts.services.map(({ object }) => object);
  const before = known.get(pod.object);
  if (before !== undefined && sameItems(before.services, services)) {
    const same = sameItems(before.policies, policies);
    if (same && isDeepStrictEqual(before.meshPolicy, meshPolicy)) return before.workload;
  }
  const message = encodeWorkload(pod, { ...facts, trustDomain });
  const address = create(AddressSchema, { type: { case: "workload", value: message } });
  const workload: MeshWorkload = {
    resource: encodeResource(pod.uid, addressType, AddressSchema, address),
    identity: pod.identity,
    namespace: message.namespace,
    policies,
  };
  known.set(pod.object, { services, policies, meshPolicy, workload });
  return workload;
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

function buildService(service: ModelService, members: readonly Resource[]): MeshService {
  const message = encodeService(service);
  const address = create(AddressSchema, { type: { case: "service", value: message } });
  return { resource: encodeResource(service.key, addressType, AddressSchema, address), members };
}

function buildPolicy(policy: AuthorizationPolicy, config: ModelConfig): AuthorizationResource {
  const message = encodePolicy(policy, config.rootNamespace);
  return {
    resource: encodeResource(policyKey(policy), authorizationType, AuthorizationSchema, message),
    scope: policyScope(policy, config.rootNamespace),
    namespace: message.namespace,
  };
}

function push<T>(list: T[], item: T | undefined): void {
  if (item !== undefined) list.push(item);
}
