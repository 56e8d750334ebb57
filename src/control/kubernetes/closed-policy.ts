/**
 * What holds in place of a policy that cannot be read: it closes what it could have been meant to close. It follows from the
 * object alone, so all replicas of control say the same, also one that starts later and never saw a better version.
 */
import type { AuthorizationPolicy, AuthorizationRule, MeshPolicy } from "../../api/policy-kinds.ts";
import { type Issue, isMapping } from "../manifests/schema.ts";
import type { PolicyKind } from "./policy-record.ts";

export interface ClosedPolicy {
  readonly policy: AuthorizationPolicy | MeshPolicy;
  /** A sentence for whoever has to mend it. */
  readonly consequence: string;
}

export interface BrokenPolicy {
  readonly apiVersion: string;
  readonly kind: PolicyKind;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: unknown;
}

/** `issues` are all that the check of the kind has found. */
export function closePolicy(broken: BrokenPolicy, issues: readonly Issue[]): ClosedPolicy {
  const { apiVersion, kind, metadata } = broken;
  const spec = isMapping(broken.spec) ? broken.spec : {};
  const base = { apiVersion, metadata };
  // Whom an unreadable selector means is not known: everybody whom the policy can reach.
  const selector = isSound(issues, "selector") && isMapping(spec["selector"]);
  const whom = selector ? { selector: spec["selector"] } : {};
  if (kind === "MeshPolicy") {
    const strict = { ...whom, mtls: "Strict", defaultAction: "Deny" };
    return {
      policy: { ...base, kind, spec: strict as MeshPolicy["spec"] },
      consequence: "Until it is mended it counts as mtls Strict and defaultAction Deny.",
    };
  }
  // What is only observed refuses nobody, whatever else is wrong.
  const audit = spec["audit"] === true;
  const allows = spec["action"] === "Allow";
  const rules = allows ? soundRules(spec["rules"], issues) : [{}];
  const action = allows ? "Allow" : "Deny";
  const closed = { ...whom, action, rules, ...(audit ? { audit } : {}) };
  const effect = allows ? "only its sound rules permit anything" : "it denies everything";
  return {
    policy: { ...base, kind, spec: closed as AuthorizationPolicy["spec"] },
    consequence: `Until it is mended ${effect}${audit ? ", and as an audit that is only reported" : ""}.`,
  };
}

/** None when something is wrong beside them: it might have narrowed them all. */
function soundRules(rules: unknown, issues: readonly Issue[]): readonly AuthorizationRule[] {
  const beside = issues.some(({ path }) => path[1] !== "rules" || typeof path[2] !== "number");
  if (beside || !Array.isArray(rules)) return [];
  const unsound = new Set(issues.map(({ path }) => path[2]));
  return (rules as AuthorizationRule[]).filter((_rule, index) => !unsound.has(index));
}

function isSound(issues: readonly Issue[], field: string): boolean {
  return !issues.some(({ path }) => path[0] === "spec" && path[1] === field);
}
