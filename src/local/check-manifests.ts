/** Everything that can be known to be wrong before a pod is started. */

import type { InjectionOptions } from "../../injector/options.ts";
import type { KnownObject, Namespace } from "../api/kubernetes.ts";
import type { ManifestObject, Manifests } from "../control/manifests/parse.ts";
import { formatProblem } from "../control/manifests/problem.ts";
import { checkPolicy } from "../control/model/check-policy.ts";
import { admitPod } from "./admission.ts";
import { systemNamespace } from "./control-plane.ts";
import { createPod, readWorkload } from "./workload.ts";

export interface ManifestVerdict {
  /** With any of these nothing should be started. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  /** Whether any of the pods gets a sidecar, and the control plane is needed. */
  readonly meshed: boolean;
}

/** Reads the problems of loading, and admits each pod on paper; `known` are objects that are there already. */
export function checkManifests(
  manifests: Manifests,
  known: readonly KnownObject[],
  options: InjectionOptions,
): ManifestVerdict {
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const problem of manifests.problems) {
    (problem.severity === "error" ? problems : warnings).push(formatProblem(problem));
  }
  let meshed = false;
  const objects = [...known, ...manifests.objects.map((item) => item.object)];
  for (const item of manifests.objects) {
    const verdict = checkObject(item, objects, options);
    problems.push(...verdict.problems.map((reason) => place(item, "error", reason)));
    warnings.push(...verdict.warnings.map((reason) => place(item, "warning", reason)));
    meshed ||= verdict.meshed;
  }
  warnings.push(...policyWarnings(manifests.objects, objects));
  return { problems, warnings, meshed };
}

/** What policies do not do among the pods that there will be. */
function policyWarnings(
  items: readonly ManifestObject[],
  objects: readonly KnownObject[],
): readonly string[] {
  const services = objects.filter((object) => object.kind === "Service");
  const pods = objects.flatMap((object) => {
    const workload = readWorkload(object);
    return workload === undefined ? [] : [createPod(workload, "x", "")];
  });
  const surroundings = { pods, services, rootNamespace: systemNamespace };
  return items.flatMap((item) => {
    const { object } = item;
    if (object.kind !== "AuthorizationPolicy" && object.kind !== "MeshPolicy") return [];
    const name = `${object.kind} ${JSON.stringify(object.metadata.name)}`;
    return checkPolicy(object, surroundings).map(({ reason, hint }) =>
      place(item, "warning", `${name}: ${reason}`, hint),
    );
  });
}

const sound: ManifestVerdict = { problems: [], warnings: [], meshed: false };

function checkObject(
  { object }: ManifestObject,
  objects: readonly KnownObject[],
  options: InjectionOptions,
): ManifestVerdict {
  const workload = readWorkload(object);
  if (workload === undefined) return sound;
  if (workload.namespace === systemNamespace) {
    const reason = `the namespace ${systemNamespace} is the control plane's; use another one`;
    return { ...sound, problems: [reason] };
  }
  const namespace = objects.findLast(
    (other): other is Namespace =>
      other.kind === "Namespace" && other.metadata.name === workload.namespace,
  );
  const admission = admitPod(createPod(workload, "x", ""), namespace, options);
  if (admission.kind === "refused") return { ...sound, problems: admission.problems };
  return { problems: [], warnings: admission.warnings, meshed: admission.meshed };
}

function place(
  { file, line }: ManifestObject,
  severity: "error" | "warning",
  reason: string,
  hint?: string,
): string {
  return formatProblem({ severity, file, line, reason, ...(hint === undefined ? {} : { hint }) });
}
