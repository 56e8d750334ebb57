/** A policy of the API server: what is in force of it, and what is wrong with it. */
import type { AuthorizationPolicy, MeshPolicy } from "../../api/policy-kinds.ts";
import type { RawObject } from "../../kubernetes/raw-object.ts";
import { kinds } from "../manifests/kinds.ts";
import type { Issue } from "../manifests/schema.ts";
import { closePolicy } from "./closed-policy.ts";

export type PolicyKind = "AuthorizationPolicy" | "MeshPolicy";

export interface PolicyCondition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
  readonly lastTransitionTime: string;
}

export interface PolicyRecord {
  readonly uid: string;
  readonly generation: number;
  /** What is in force: the policy as it is written, or when something is wrong with it, what closes instead. */
  readonly policy: AuthorizationPolicy | MeshPolicy;
  /** One sentence each. */
  readonly problems: readonly string[];
  /** What the problems lead to; empty when there is none. */
  readonly consequence: string;
  readonly conditions: readonly PolicyCondition[];
}

/** A sentence for every problem would be more than a status holds. */
const maxProblems = 8;

export function readPolicy(kind: PolicyKind, raw: RawObject): PolicyRecord {
  const { apiVersion, check } = kinds[kind];
  const { name, namespace = "default", uid = "", generation = 0 } = raw.metadata;
  const object = { apiVersion, kind, metadata: { name, namespace }, spec: raw["spec"] };
  const issues: Issue[] = [];
  check(object, [], (issue) => issues.push(issue));
  const sound = { policy: object as AuthorizationPolicy | MeshPolicy, consequence: "" };
  const { policy, consequence } = issues.length === 0 ? sound : closePolicy(object, issues);
  const status = raw["status"] as { conditions?: readonly PolicyCondition[] } | undefined;
  const problems = issues
    .slice(0, maxProblems)
    .map(({ reason, hint }) => (hint ? `${reason} (${hint})` : reason));
  const conditions = status?.conditions ?? [];
  return { uid, generation, policy, problems, consequence, conditions };
}
