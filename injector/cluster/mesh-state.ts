/** Whether a pod that runs is in the mesh, and why not: what the injector reports, and what `remora check` shows. */
import type { Pod } from "../../src/api/kubernetes.ts";
import { checkEligibility, type NamespaceMeta, type SkipReason } from "../eligibility.ts";
import { injectLabel, proxyContainerName, statusAnnotation } from "../options.ts";

export type UnmeshedReason =
  | Exclude<SkipReason, "not_opted_in" | "already_injected">
  /** It could not be put into the mesh: it would be refused today. */
  | "not_possible"
  /** It could be in the mesh, and is older than the opt-in or than the webhook. */
  | "not_injected";

export type MeshState =
  /** Nobody asked for it. */
  | { readonly kind: "outside" }
  | { readonly kind: "meshed"; readonly version: string }
  | { readonly kind: "unmeshed"; readonly reason: UnmeshedReason };

/** What of a pod decides, without its namespace's label. */
export interface MeshFacts {
  /** The pod's own opt-in label. */
  readonly label: string | undefined;
  /** Version that the sidecar was injected by; empty when a sidecar is there and nobody says. */
  readonly version: string | undefined;
  /** Why a pod without a sidecar has none, if it is opted in. */
  readonly obstacle: UnmeshedReason;
}

/** Undefined for a pod that has ended or is ending: nothing about it will change. */
export function readMeshFacts(pod: Pod): MeshFacts | undefined {
  const { phase } = pod.status ?? {};
  if (phase === "Succeeded" || phase === "Failed") return undefined;
  if (pod.metadata.deletionTimestamp !== undefined) return undefined;
  const { labels, annotations } = pod.metadata;
  const meshed = (pod.spec.initContainers ?? []).some(({ name }) => name === proxyContainerName);
  return {
    label: labels?.[injectLabel],
    version: meshed ? (annotations?.[statusAnnotation] ?? "") : undefined,
    obstacle: findObstacle(pod),
  };
}

export function meshStateOf(facts: MeshFacts, namespace: NamespaceMeta): MeshState {
  if (facts.version !== undefined) return { kind: "meshed", version: facts.version };
  const inNamespace = namespace.labels?.[injectLabel] === "enabled";
  if (facts.label === "disabled" && inNamespace) return { kind: "unmeshed", reason: "opted_out" };
  const wanted = facts.label === undefined ? inNamespace : facts.label !== "disabled";
  return wanted ? { kind: "unmeshed", reason: facts.obstacle } : { kind: "outside" };
}

function findObstacle(pod: Pod): UnmeshedReason {
  const optedIn = { [injectLabel]: "enabled" };
  const metadata = { ...pod.metadata, labels: { ...pod.metadata.labels, ...optedIn } };
  const eligibility = checkEligibility({ ...pod, metadata }, { labels: optedIn }, "");
  if (eligibility.kind === "refuse") return "not_possible";
  if (eligibility.kind === "eligible") return "not_injected";
  const { reason } = eligibility;
  return reason === "not_opted_in" || reason === "already_injected" ? "not_injected" : reason;
}
