/** Whether a pod can only run on Windows: it says so itself, or asks for nodes that run it. */
import type { Pod } from "../src/api/kubernetes.ts";
import { dig } from "../src/core/dig.ts";

const osLabel = "kubernetes.io/os";

/** A taint that is tolerated asks for nothing, and a preference is no demand. */
export function isForWindows({ spec }: Pod): boolean {
  if (spec.os?.name === "windows" || spec.nodeSelector?.[osLabel] === "windows") return true;
  const required = dig(
    spec.affinity,
    "nodeAffinity",
    "requiredDuringSchedulingIgnoredDuringExecution",
    "nodeSelectorTerms",
  );
  // A node that meets one of the terms is enough.
  return Array.isArray(required) && required.length > 0 && required.every(demandsWindows);
}

/** All expressions of a term must hold. */
function demandsWindows(term: unknown): boolean {
  const expressions = dig(term, "matchExpressions");
  if (!Array.isArray(expressions)) return false;
  return expressions.some((one: unknown) => {
    const values = dig(one, "values");
    if (dig(one, "key") !== osLabel || !Array.isArray(values) || values.length === 0) return false;
    if (dig(one, "operator") === "NotIn") return values.includes("linux");
    return dig(one, "operator") === "In" && values.every((value) => value === "windows");
  });
}
