/** An AuthorizationPolicy as proxies evaluate it. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  Action,
  type Authorization,
  AuthorizationSchema,
  type MatchSchema,
  Scope,
} from "../../api/gen/authorization_pb.ts";
import type { AuthorizationPolicy, AuthorizationRule, Pod } from "../../api/kubernetes.ts";
import { parseIpBytes } from "../../core/address.ts";

type Match = MessageInitShape<typeof MatchSchema>;
type StringMatch = NonNullable<Match["principals"]>[number];

/** `NAMESPACE/NAME`. */
export function policyKey(policy: AuthorizationPolicy): string {
  return `${namespaceOf(policy)}/${policy.metadata.name}`;
}

/** Policies of the root namespace reach into all others. */
export function policyScope(policy: AuthorizationPolicy, rootNamespace: string): Scope {
  if (policy.spec.selector !== undefined) return Scope.WORKLOAD_SELECTOR;
  return namespaceOf(policy) === rootNamespace ? Scope.GLOBAL : Scope.NAMESPACE;
}

/** Whether a policy with a selector finds the pod. */
export function policySelects(
  policy: AuthorizationPolicy,
  pod: Pod,
  rootNamespace: string,
): boolean {
  const labels = policy.spec.selector?.matchLabels;
  if (labels === undefined) return false;
  const namespace = namespaceOf(policy);
  if (namespace !== rootNamespace && namespace !== (pod.metadata.namespace ?? "default")) {
    return false;
  }
  return Object.entries(labels).every(([label, value]) => pod.metadata.labels?.[label] === value);
}

export function encodePolicy(policy: AuthorizationPolicy, rootNamespace: string): Authorization {
  const { spec } = policy;
  return create(AuthorizationSchema, {
    name: policy.metadata.name,
    namespace: namespaceOf(policy),
    scope: policyScope(policy, rootNamespace),
    action: spec.action === "Deny" ? Action.DENY : Action.ALLOW,
    dryRun: spec.audit === true,
    rules: (spec.rules ?? []).map((rule) => ({
      // A rule without conditions matches everything, which on the wire is a clause without matches.
      clauses: [{ matches: hasConditions(rule) ? [encodeMatch(rule, namespaceOf(policy))] : [] }],
    })),
  });
}

function hasConditions(rule: AuthorizationRule): boolean {
  return rule.from !== undefined || rule.to !== undefined;
}

function encodeMatch(rule: AuthorizationRule, namespace: string): Match {
  const { from = {}, to = {} } = rule;
  const accounts = (names: readonly string[] = []) =>
    names.map((name) => {
      const [first = "", second] = name.split("/");
      return second === undefined
        ? { namespace, serviceAccount: first }
        : { namespace: first, serviceAccount: second };
    });
  return {
    principals: strings(from.principals),
    notPrincipals: strings(from.notPrincipals),
    namespaces: strings(from.namespaces),
    notNamespaces: strings(from.notNamespaces),
    serviceAccounts: accounts(from.serviceAccounts),
    notServiceAccounts: accounts(from.notServiceAccounts),
    sourceIps: blocks(from.addresses),
    notSourceIps: blocks(from.notAddresses),
    destinationPorts: [...(to.ports ?? [])],
    notDestinationPorts: [...(to.notPorts ?? [])],
  };
}

function strings(patterns: readonly string[] = []): StringMatch[] {
  return patterns.map((pattern) => {
    const text = pattern.replace(/^spiffe:\/\//, "");
    if (text === "*") return { matchType: { case: "presence", value: {} } };
    if (text.endsWith("*")) return { matchType: { case: "prefix", value: text.slice(0, -1) } };
    if (text.startsWith("*")) return { matchType: { case: "suffix", value: text.slice(1) } };
    return { matchType: { case: "exact", value: text } };
  });
}

function blocks(texts: readonly string[] = []): NonNullable<Match["sourceIps"]> {
  return texts.map((text) => {
    const [ip = "", length] = text.split("/");
    const address = parseIpBytes(ip) ?? new Uint8Array(0);
    return { address, length: length === undefined ? address.length * 8 : Number(length) };
  });
}

function namespaceOf(policy: AuthorizationPolicy): string {
  return policy.metadata.namespace ?? "default";
}
