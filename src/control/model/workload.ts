/** A pod as a workload of the mesh. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { WorkloadPolicySchema } from "../../api/gen/remora-policy_pb.ts";
import {
  type ExtensionSchema,
  NetworkMode,
  TunnelProtocol,
  type Workload,
  WorkloadSchema,
  WorkloadStatus,
  WorkloadType,
} from "../../api/gen/workload_pb.ts";
import type { Condition, Pod } from "../../api/kubernetes.ts";
import { meshPolicyExtension, type WorkloadPolicy } from "../../api/mesh-policy.ts";
import { remoraExtension } from "../../api/workload.ts";
import { normalizeIp, parseIpBytes } from "../../core/address.ts";
import { formatSpiffeId, type SpiffeId } from "../../core/spiffe-id.ts";
import type { ModelEndpoint } from "./endpoints.ts";
import { encodeMeshPolicy } from "./mesh-policy.ts";
import type { ModelService, PortInit } from "./service.ts";

/** The injector writes it into every pod that it gave a sidecar. */
const injectedAnnotation = "remora.dev/injected";

export interface ModelPod {
  readonly object: Pod;
  readonly uid: string;
  /** `NAMESPACE/NAME`. */
  readonly key: string;
  /** Normal text form, at least one. */
  readonly addresses: readonly string[];
  readonly hostNetwork: boolean;
  /** Whether it was given a sidecar. */
  readonly meshed: boolean;
  readonly identity: SpiffeId;
  readonly ready: boolean;
  /** Its node was not heard of, so the cluster calls it unready; as far as anybody knows it is well. */
  readonly unheard: boolean;
  /** It is being deleted. */
  readonly leaving: boolean;
  /** When the kubelet took it, else when it was made. */
  readonly since: string;
}

/** Undefined for pods that cannot be reached: without an address yet, or finished. */
export function readPod(object: Pod, trustDomain: string): ModelPod | undefined {
  const {
    name,
    namespace = "default",
    uid,
    creationTimestamp,
    deletionTimestamp,
  } = object.metadata;
  const { phase, podIP, podIPs, startTime } = object.status ?? {};
  if (phase === "Succeeded" || phase === "Failed") return undefined;
  const given = podIPs?.map(({ ip }) => ip) ?? (podIP === undefined ? [] : [podIP]);
  const addresses = given.filter((ip) => parseIpBytes(ip) !== undefined).map(normalizeIp);
  if (addresses.length === 0) return undefined;
  return {
    object,
    // A pod that comes back under its name is another one; without a uid there is only the name to tell.
    uid: uid === undefined || uid === "" ? `Kubernetes//Pod/${namespace}/${name}` : uid,
    key: `${namespace}/${name}`,
    addresses,
    hostNetwork: object.spec.hostNetwork === true,
    meshed: object.metadata.annotations?.[injectedAnnotation] !== undefined,
    identity: formatSpiffeId({
      trustDomain,
      namespace,
      serviceAccount: object.spec.serviceAccountName ?? "default",
    }),
    ready: isReady(object),
    unheard: isUnheard(object),
    leaving: deletionTimestamp !== undefined,
    since: startTime ?? creationTimestamp ?? "",
  };
}

/** One service that a workload serves. */
export interface ServiceMembership {
  readonly service: ModelService;
  /** The service's ports on this workload. */
  readonly ports: readonly PortInit[];
}

export interface Locality {
  readonly region?: string;
  readonly zone?: string;
}

export interface WorkloadFacts {
  readonly trustDomain: string;
  /** Those of the pod's addresses that are its own, at least one. */
  readonly addresses: readonly string[];
  readonly memberships: readonly ServiceMembership[];
  /** Whether it gets new connections. */
  readonly healthy: boolean;
  /** Of its node. */
  readonly locality: Locality | undefined;
  /** `NAMESPACE/NAME` of the policies that select the pod. */
  readonly policies: readonly string[];
  /** Undefined when no MeshPolicy is about the pod. */
  readonly meshPolicy: WorkloadPolicy | undefined;
}

export function encodeWorkload(pod: ModelPod, facts: WorkloadFacts): Workload {
  const { object, uid } = pod;
  const { name, namespace = "default", labels } = object.metadata;
  const workloadName = workloadNameOf(object);
  return create(WorkloadSchema, {
    uid,
    name,
    namespace,
    addresses: facts.addresses.map((ip) => parseIpBytes(ip) ?? new Uint8Array(0)),
    tunnelProtocol: pod.meshed ? TunnelProtocol.HBONE : TunnelProtocol.NONE,
    trustDomain: facts.trustDomain,
    node: object.spec.nodeName ?? "",
    serviceAccount: object.spec.serviceAccountName ?? "default",
    canonicalName: labels?.["app.kubernetes.io/name"] ?? labels?.["app"] ?? workloadName,
    canonicalRevision: labels?.["app.kubernetes.io/version"] ?? labels?.["version"] ?? "latest",
    workloadName,
    workloadType: workloadName === name ? WorkloadType.POD : WorkloadType.DEPLOYMENT,
    nativeTunnel: pod.meshed,
    authorizationPolicies: facts.policies.toSorted(),
    status: facts.healthy ? WorkloadStatus.HEALTHY : WorkloadStatus.UNHEALTHY,
    services: encodeMemberships(facts.memberships),
    ...(facts.locality === undefined ? {} : { locality: facts.locality }),
    networkMode: pod.hostNetwork ? NetworkMode.HOST_NETWORK : NetworkMode.STANDARD,
    extensions: [
      ...(pod.meshed ? [{ name: remoraExtension }] : []),
      ...(facts.meshPolicy === undefined ? [] : [meshPolicyEntry(facts.meshPolicy)]),
    ],
  });
}

function meshPolicyEntry(policy: WorkloadPolicy): MessageInitShape<typeof ExtensionSchema> {
  const config = anyPack(WorkloadPolicySchema, encodeMeshPolicy(policy));
  return { name: meshPolicyExtension, config };
}

/** An endpoint that is no pod of the mesh: a machine outside the cluster, say. It proves no identity. */
export function encodeExternal(
  { uid, namespace, addresses, ready }: ModelEndpoint,
  membership: ServiceMembership,
): Workload {
  return create(WorkloadSchema, {
    uid,
    name: uid.slice(uid.indexOf(namespace)),
    namespace,
    addresses: addresses.map((ip) => parseIpBytes(ip) ?? new Uint8Array(0)),
    tunnelProtocol: TunnelProtocol.NONE,
    workloadName: membership.service.object.metadata.name,
    workloadType: WorkloadType.POD,
    status: ready ? WorkloadStatus.HEALTHY : WorkloadStatus.UNHEALTHY,
    services: encodeMemberships([membership]),
  });
}

function encodeMemberships(memberships: readonly ServiceMembership[]) {
  // Sorted, so that the same state always gives the same bytes and with them the same version.
  const sorted = memberships.toSorted((a, b) => (a.service.key < b.service.key ? -1 : 1));
  return Object.fromEntries(
    sorted.map(({ service, ports }) => [service.key, { ports: [...ports] }]),
  );
}

function isReady(pod: Pod): boolean {
  return conditionOf(pod, "Ready")?.status === "True";
}

/** When heartbeats of a node fail to come, its pods' Ready is set to False, and nothing else of them. */
function isUnheard(pod: Pod): boolean {
  const ready = conditionOf(pod, "Ready");
  if (ready?.status !== "False" || ready.reason === "ReadinessGatesNotReady") return false;
  return conditionOf(pod, "ContainersReady")?.status === "True";
}

function conditionOf(pod: Pod, type: string): Condition | undefined {
  return (pod.status?.conditions ?? []).find((condition) => condition.type === type);
}

/** The owner's name; of a ReplicaSet, which ends with its template's hash, the Deployment's. */
function workloadNameOf(pod: Pod): string {
  const { name, generateName, labels, ownerReferences } = pod.metadata;
  const owner = ownerReferences?.[0]?.name ?? generateName?.replace(/-$/, "") ?? name;
  const hash = labels?.["pod-template-hash"];
  return hash !== undefined && owner.endsWith(`-${hash}`)
    ? owner.slice(0, -hash.length - 1)
    : owner;
}
