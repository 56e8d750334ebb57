/** A policy of the API server: what is in force of it, and what is wrong with it. */
import type { AuthorizationPolicy, MeshPolicy } from "../../api/kubernetes.ts";
import type { RawObject } from "../../kubernetes/raw-object.ts";
import { kinds } from "../manifests/kinds.ts";

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
  /** Undefined when something is wrong with it. */
  readonly policy: AuthorizationPolicy | MeshPolicy | undefined;
  /** One sentence each. */
  readonly problems: readonly string[];
  readonly conditions: readonly PolicyCondition[];
}

/** A sentence for every problem would be more than a status holds. */
const maxProblems = 8;

export function readPolicy(kind: PolicyKind, raw: RawObject): PolicyRecord {
  const { apiVersion, check } = kinds[kind];
  const { name, namespace = "default", uid = "", generation = 0 } = raw.metadata;
  const object = { apiVersion, kind, metadata: { name, namespace }, spec: raw["spec"] };
  const problems: string[] = [];
  check(object, [], ({ reason, hint }) => {
    if (problems.length < maxProblems) problems.push(hint ? `${reason} (${hint})` : reason);
  });
  const status = raw["status"] as { conditions?: readonly PolicyCondition[] } | undefined;
  return {
    uid,
    generation,
    policy: problems.length > 0 ? undefined : (object as AuthorizationPolicy | MeshPolicy),
    problems,
    conditions: status?.conditions ?? [],
  };
}
