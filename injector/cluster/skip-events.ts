/** What people see with `kubectl describe` of a workload whose pods are not in the mesh. */
import type { EventRecorder, EventSubject } from "../../src/kubernetes/events.ts";
import type { Owner } from "../owner.ts";
import type { ReviewFacts } from "../review.ts";
import { explainUnmeshed, type UnmeshedReason } from "./mesh-state.ts";

/**
 * Of a pod that was skipped or refused, on its owner: the pod has neither uid nor, as a rule, a name yet. A pod without
 * an owner is told of when it runs, by the report. A dry run leaves no trace.
 */
export function tellReview(events: EventRecorder, facts: ReviewFacts): void {
  const { outcome, owner, namespace, dryRun } = facts;
  if (dryRun || owner === undefined || namespace === "") return;
  if (outcome !== "skipped" && outcome !== "refused") return;
  events.record({
    about: { ...owner, namespace },
    type: "Warning",
    reason: outcome === "skipped" ? "InjectionSkipped" : "InjectionRefused",
    message:
      outcome === "skipped"
        ? `pods get no sidecar: ${facts.detail}`
        : `pods are refused: ${facts.detail}`,
  });
}

export interface UnmeshedPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly owner: Owner | undefined;
}

/** Of a pod that runs without a sidecar, on its owner or on itself; what a review has told already is left out. */
export function tellUnmeshed(
  events: EventRecorder,
  pod: UnmeshedPod,
  reason: UnmeshedReason,
): void {
  const { namespace, name, uid, owner } = pod;
  const told = reason !== "not_injected" && reason !== "opted_out";
  if (owner !== undefined && told) return;
  const itself: EventSubject = { apiVersion: "v1", kind: "Pod", name, uid, namespace };
  events.record({
    about: owner === undefined ? itself : { ...owner, namespace },
    // Who opts out wants it so.
    type: reason === "opted_out" ? "Normal" : "Warning",
    reason: reason === "not_injected" ? "NotMeshed" : "InjectionSkipped",
    message: `pod ${name} has no sidecar: ${explainUnmeshed(reason)}`,
  });
}
