/** Whether a pod gets a sidecar at all, and the words for why not. */
import type { Container, Pod } from "../src/api/kubernetes.ts";
import {
  initContainerName,
  injectLabel,
  proxyContainerName,
  proxyUid,
  sidecarPorts,
  statusAnnotation,
} from "./options.ts";
import { isForWindows } from "./windows.ts";

/** What is known of the pod's namespace. */
export interface NamespaceMeta {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export type SkipReason =
  | "host_network"
  | "opted_out"
  | "not_opted_in"
  | "already_injected"
  | "other_mesh"
  | "windows";

/** The reasons are stable keys for counters and events; these are their sentences for people. */
export const skipReasons: Readonly<Record<SkipReason, string>> = {
  host_network:
    "the pod uses the node's network, where a sidecar would capture other pods' traffic",
  opted_out: "the pod or its namespace is labelled remora.dev/inject: disabled",
  not_opted_in: "neither the pod nor its namespace is labelled remora.dev/inject: enabled",
  already_injected: "the pod already has a sidecar, put there by hand or by another version",
  other_mesh: "the pod has a sidecar of another mesh, or is captured by one",
  windows: "the pod runs on Windows, where the redirection rules do not exist",
};

/** What about a pod makes it impossible to put into the mesh. */
export type RefusalReason =
  | "bad_label"
  | "bad_annotation"
  | "reserved_id"
  | "reserved_name"
  | "reserved_port";

export interface Refusal {
  readonly kind: "refuse";
  /** Of several problems that of the first. */
  readonly reason: RefusalReason;
  readonly problems: readonly string[];
}

export type Eligibility =
  | { readonly kind: "eligible" }
  | { readonly kind: "skip"; readonly reason: SkipReason }
  | Refusal;

const foreignContainers = new Set([
  "istio-proxy",
  "istio-init",
  "istio-validation",
  "linkerd-proxy",
  "linkerd-init",
  "linkerd-network-validator",
  "kuma-sidecar",
  "consul-dataplane",
]);

/** A pod that this very version has patched before is eligible again: the patch then only repairs. */
export function checkEligibility(pod: Pod, namespace: NamespaceMeta, version: string): Eligibility {
  const wish = readWish(pod, namespace);
  if (wish.kind !== "enabled") return wish.verdict;
  if (pod.spec.hostNetwork === true) return { kind: "skip", reason: "host_network" };
  if (isForWindows(pod)) return { kind: "skip", reason: "windows" };
  if (isOfOtherMesh(pod)) return { kind: "skip", reason: "other_mesh" };
  const ours = (pod.spec.initContainers ?? []).filter(isOurs);
  const sameVersion = pod.metadata.annotations?.[statusAnnotation] === version;
  const present = ours.length === 2 && sameVersion;
  if (ours.length > 0 && !present) return { kind: "skip", reason: "already_injected" };
  const conflicts = findConflicts(pod, present);
  const [first] = conflicts;
  if (first === undefined) return { kind: "eligible" };
  return { kind: "refuse", reason: first.reason, problems: conflicts.map(({ text }) => text) };
}

/** Whether the container is one of the two that the patch adds. */
export function isOurs(container: Container): boolean {
  return container.name === initContainerName || container.name === proxyContainerName;
}

type Wish = { readonly kind: "enabled" } | { readonly kind: "no"; readonly verdict: Eligibility };

/** The pod's own label decides; without one the namespace's does. */
function readWish(pod: Pod, namespace: NamespaceMeta): Wish {
  const own = pod.metadata.labels?.[injectLabel];
  const label = own ?? namespace.labels?.[injectLabel];
  const verdict = (reason: SkipReason): Wish => ({ kind: "no", verdict: { kind: "skip", reason } });
  if (label === undefined) return verdict("not_opted_in");
  if (label === "enabled") return { kind: "enabled" };
  if (label === "disabled") return verdict("opted_out");
  // A slip such as "true" must not leave a pod outside the mesh without anybody noticing.
  const whose = own === undefined ? "namespace's" : "pod's";
  const problem = `the ${whose} label ${injectLabel} is ${JSON.stringify(label)}, and must be "enabled" or "disabled"`;
  return { kind: "no", verdict: { kind: "refuse", reason: "bad_label", problems: [problem] } };
}

function isOfOtherMesh(pod: Pod): boolean {
  if (pod.metadata.labels?.["istio.io/dataplane-mode"] === "ambient") return true;
  const containers = [...(pod.spec.initContainers ?? []), ...(pod.spec.containers ?? [])];
  return containers.some((container) => foreignContainers.has(container.name));
}

interface Conflict {
  readonly reason: RefusalReason;
  readonly text: string;
}

/** What would make the sidecar fail, or let an app's traffic pass by it. */
function findConflicts(pod: Pod, present: boolean): Conflict[] {
  const apps = pod.spec.containers ?? [];
  const others = (pod.spec.initContainers ?? []).filter((container) => !isOurs(container));
  const problems = findIdConflicts(pod, [...others, ...apps]);
  for (const container of apps.filter(isOurs)) {
    const text = `the container name "${container.name}" is reserved for the mesh`;
    problems.push({ reason: "reserved_name", text });
  }
  for (const container of [...others, ...apps]) {
    for (const port of container.ports ?? []) {
      if ((port.protocol ?? "TCP") !== "TCP" || !sidecarPorts.includes(port.containerPort))
        continue;
      const text = `container "${container.name}" declares port ${port.containerPort}, which the sidecar uses`;
      problems.push({ reason: "reserved_port", text });
    }
  }
  if (present) return problems;
  for (const volume of pod.spec.volumes ?? []) {
    if (volume.name.startsWith("remora-")) {
      const text = `the volume name "${volume.name}" is reserved for the mesh`;
      problems.push({ reason: "reserved_name", text });
    }
  }
  return problems;
}

/** The redirection rules let the sidecar's uid and gid pass, so an app that runs as either is outside the mesh. */
function findIdConflicts(pod: Pod, containers: readonly Container[]): Conflict[] {
  const problems: string[] = [];
  const pass = "whose traffic is not captured; choose another";
  const shared = pod.spec.securityContext;
  for (const container of containers) {
    const own = container.securityContext;
    if ((own?.runAsUser ?? shared?.runAsUser) === proxyUid) {
      problems.push(`container "${container.name}" runs as uid ${proxyUid}, ${pass}`);
    }
    if ((own?.runAsGroup ?? shared?.runAsGroup) === proxyUid) {
      problems.push(`container "${container.name}" runs as gid ${proxyUid}, ${pass}`);
    }
  }
  const groups = [...(shared?.supplementalGroups ?? []), shared?.fsGroup];
  if (groups.includes(proxyUid)) problems.push(`the pod has the group ${proxyUid}, ${pass}`);
  return problems.map((text) => ({ reason: "reserved_id", text }));
}
