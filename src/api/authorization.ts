/** Policies as a proxy holds them: istio.security.Authorization and its HTTP conditions in readonly TypeScript. */
import { openWorkloadPolicy, type WorkloadPolicy } from "./mesh-policy.ts";

/** `workload` policies apply to the workloads that name them, the others to a namespace or to everything. */
export type PolicyScope = "global" | "namespace" | "workload";

export interface Authorization {
  readonly namespace: string;
  readonly name: string;
  readonly scope: PolicyScope;
  readonly action: "allow" | "deny";
  /** Any of them; without rules the policy matches nothing. */
  readonly rules: readonly PolicyRule[];
  /** Reported, not enforced. */
  readonly dryRun: boolean;
}

/** All of its clauses, and the conditions on the request where there are any. */
export interface PolicyRule {
  readonly clauses: readonly PolicyClause[];
  readonly request?: RequestMatch;
}

/** All kinds that have values, any value of a kind, no value of a `not` kind; never empty. */
export interface RequestMatch {
  /** In lower case and without a port. */
  readonly hosts: readonly StringMatch[];
  readonly notHosts: readonly StringMatch[];
  readonly methods: readonly string[];
  readonly notMethods: readonly string[];
  /** In normal form and without a query. */
  readonly paths: readonly StringMatch[];
  readonly notPaths: readonly StringMatch[];
  /** All of them. */
  readonly headers: readonly HeaderMatch[];
}

export interface HeaderMatch {
  /** In lower case. */
  readonly name: string;
  readonly presence: "any" | "present" | "absent";
  readonly values: readonly StringMatch[];
  readonly notValues: readonly StringMatch[];
}

/** Any of its matches; without one it always matches. */
export interface PolicyClause {
  readonly matches: readonly PolicyMatch[];
}

/** All kinds that have values, any value of a kind, no value of a `not` kind; an empty one never matches. */
export interface PolicyMatch {
  readonly namespaces: readonly StringMatch[];
  readonly notNamespaces: readonly StringMatch[];
  /** Without `spiffe://`. */
  readonly principals: readonly StringMatch[];
  readonly notPrincipals: readonly StringMatch[];
  readonly sourceIps: readonly AddressBlock[];
  readonly notSourceIps: readonly AddressBlock[];
  readonly destinationIps: readonly AddressBlock[];
  readonly notDestinationIps: readonly AddressBlock[];
  readonly destinationPorts: readonly number[];
  readonly notDestinationPorts: readonly number[];
  readonly serviceAccounts: readonly ServiceAccountMatch[];
  readonly notServiceAccounts: readonly ServiceAccountMatch[];
}

/** What a match with conditions is made from: by itself it never matches. */
export const noConditions: PolicyMatch = {
  namespaces: [],
  notNamespaces: [],
  principals: [],
  notPrincipals: [],
  sourceIps: [],
  notSourceIps: [],
  destinationIps: [],
  notDestinationIps: [],
  destinationPorts: [],
  notDestinationPorts: [],
  serviceAccounts: [],
  notServiceAccounts: [],
};

/** The same for conditions on requests. */
export const noRequestConditions: RequestMatch = {
  hosts: [],
  notHosts: [],
  methods: [],
  notMethods: [],
  paths: [],
  notPaths: [],
  headers: [],
};

/** `presence` matches every text that is not empty. */
export type StringMatch =
  | { readonly kind: "exact" | "prefix" | "suffix"; readonly text: string }
  | { readonly kind: "presence" };

/** 4 or 16 bytes in network order, and how many leading bits count. */
export interface AddressBlock {
  readonly address: Uint8Array;
  readonly length: number;
}

/** Of any trust domain. */
export interface ServiceAccountMatch {
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** Everything that decides who may reach one workload. */
export interface PolicySnapshot {
  /** False until the control plane has told all policies once: nothing is permitted before. */
  readonly loaded: boolean;
  /** Those that apply to the workload, and no others. */
  readonly policies: readonly Authorization[];
  /** Names of policies that apply and are not known or not readable: nothing is permitted while there is one. */
  readonly missing: readonly string[];
  /** What the MeshPolicies come to for the workload. */
  readonly mesh: WorkloadPolicy;
}

/** Nothing is known, nothing is permitted. */
export const noPolicySnapshot: PolicySnapshot = {
  loaded: false,
  policies: [],
  missing: [],
  mesh: openWorkloadPolicy,
};

/** The entry in an Authorization's `extensions` that holds its rules with their HTTP conditions. */
export const requestRulesExtension = "policy.remora.dev/request-rules";

/** Extensions under this prefix change what a policy means: a proxy that does not know one must refuse the policy. */
export const policyExtensionPrefix = "policy.remora.dev/";

/** `NAMESPACE/NAME`: how resources and workloads name a policy. */
export function policyName(policy: Pick<Authorization, "namespace" | "name">): string {
  return `${policy.namespace}/${policy.name}`;
}
