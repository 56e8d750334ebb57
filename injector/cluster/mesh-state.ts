/** Whether a pod that runs is in the mesh, and why not: what the injector reports, and what `remora check` shows. */
import type { Pod } from "../../src/api/kubernetes.ts";
import {
  checkEligibility,
  type Eligibility,
  type NamespaceMeta,
  type SkipReason,
  skipReasons,
} from "../eligibility.ts";
import { injectLabel, proxyContainerName, statusAnnotation } from "../options.ts";

export type UnmeshedReason =
  | Exclude<SkipReason, "not_opted_in" | "already_injected">
  /** It could not be put into the mesh: it would be refused today. */
  | "not_possible"
  /** It could be in the mesh, and is older than the opt-in or than the webhook. */
  | "not_injected";

/** Their sentences for people. */
const unmeshedReasons: Readonly<Record<UnmeshedReason, string>> = {
  ...skipReasons,
  not_possible: "it conflicts with one; a new pod of this kind is refused and told why",
  not_injected: "it is older than the opt-in, or was made while no webhook was asked; restart it",
};

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

/** What to tell somebody of a pod without a sidecar; with the pod at hand also what it conflicts with. */
export function explainUnmeshed(reason: UnmeshedReason, pod?: Pod): string {
  if (reason !== "not_possible" || pod === undefined) return unmeshedReasons[reason];
  const verdict = judgeOptedIn(pod);
  return verdict.kind === "refuse" ? verdict.problems.join("; ") : unmeshedReasons[reason];
}

function findObstacle(pod: Pod): UnmeshedReason {
  const verdict = judgeOptedIn(pod);
  if (verdict.kind === "refuse") return "not_possible";
  if (verdict.kind === "eligible") return "not_injected";
  const { reason } = verdict;
  return reason === "not_opted_in" || reason === "already_injected" ? "not_injected" : reason;
}

/** What the webhook would say of the pod if it was made today and wanted in. */
function judgeOptedIn(pod: Pod): Eligibility {
  const optedIn = { [injectLabel]: "enabled" };
  const metadata = { ...pod.metadata, labels: { ...pod.metadata.labels, ...optedIn } };
  return checkEligibility({ ...pod, metadata }, { labels: optedIn }, "");
}
