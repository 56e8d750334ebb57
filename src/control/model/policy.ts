/** An AuthorizationPolicy as proxies evaluate it. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { requestRulesExtension } from "../../api/authorization.ts";
import {
  Action,
  type Authorization,
  AuthorizationSchema,
  type MatchSchema,
  type RuleSchema,
  Scope,
} from "../../api/gen/authorization_pb.ts";
import {
  HeaderMatch_Presence,
  type HeaderMatchSchema,
  type RequestMatchSchema,
  RequestRulesSchema,
} from "../../api/gen/remora-policy_pb.ts";
import type { Pod } from "../../api/kubernetes.ts";
import type {
  AuthorizationPolicy,
  AuthorizationRule,
  HeaderCondition,
  MeshPolicy,
} from "../../api/policy-kinds.ts";
import { parseIpBytes } from "../../core/address.ts";
import type { SpiffeIdParts } from "../../core/spiffe-id.ts";

type Match = MessageInitShape<typeof MatchSchema>;
type StringMatch = NonNullable<Match["principals"]>[number];

/** `NAMESPACE/NAME`. */
export function policyKey(policy: AuthorizationPolicy | MeshPolicy): string {
  return `${namespaceOf(policy)}/${policy.metadata.name}`;
}

/** Policies of the root namespace reach into all others. */
export function policyScope(policy: AuthorizationPolicy, rootNamespace: string): Scope {
  if (policy.spec.selector !== undefined) return Scope.WORKLOAD_SELECTOR;
  return namespaceOf(policy) === rootNamespace ? Scope.GLOBAL : Scope.NAMESPACE;
}

/** Whether the policy is about the pod, with a selector or without. */
export function policyReaches(
  policy: AuthorizationPolicy | MeshPolicy,
  pod: Pod,
  rootNamespace: string,
): boolean {
  if (policy.spec.selector !== undefined) return policySelects(policy, pod, rootNamespace);
  const namespace = namespaceOf(policy);
  return namespace === rootNamespace || namespace === (pod.metadata.namespace ?? "default");
}

/** Whether a policy with a selector finds the pod. */
export function policySelects(
  policy: AuthorizationPolicy | MeshPolicy,
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

/**
 * Rules with HTTP conditions travel in an extension. Beside it stands what a proxy can enforce of them that sees
 * connections only, always the safer half: of a Deny rule all clients and ports that it is about, of an Allow rule nothing.
 */
export function encodePolicy(policy: AuthorizationPolicy, rootNamespace: string): Authorization {
  const { spec } = policy;
  const namespace = namespaceOf(policy);
  const rules = spec.rules ?? [];
  const plain = spec.action === "Deny" ? rules : rules.filter((rule) => !isAboutRequests(rule));
  const message: MessageInitShape<typeof AuthorizationSchema> = {
    name: policy.metadata.name,
    namespace,
    scope: policyScope(policy, rootNamespace),
    action: spec.action === "Deny" ? Action.DENY : Action.ALLOW,
    dryRun: spec.audit === true,
    rules: plain.map((rule) => encodeRule(rule, namespace)),
  };
  if (rules.some(isAboutRequests)) {
    const requestRules = create(RequestRulesSchema, {
      rules: rules.map((rule) => ({
        connection: encodeRule(rule, namespace),
        ...(isAboutRequests(rule) ? { request: encodeRequest(rule) } : {}),
      })),
    });
    const config = anyPack(RequestRulesSchema, requestRules);
    message.extensions = [{ name: requestRulesExtension, config }];
  }
  return create(AuthorizationSchema, message);
}

/** Whether the rule has conditions that only an HTTP request can meet. */
export function isAboutRequests({ to }: AuthorizationRule): boolean {
  return Object.keys(to ?? {}).some((name) => name !== "ports" && name !== "notPorts");
}

/** A rule without conditions matches everything, which on the wire is a clause without matches. */
function encodeRule(
  rule: AuthorizationRule,
  namespace: string,
): MessageInitShape<typeof RuleSchema> {
  const { from, to } = rule;
  const bound = from !== undefined || to?.ports !== undefined || to?.notPorts !== undefined;
  return { clauses: [{ matches: bound ? [encodeMatch(rule, namespace)] : [] }] };
}

function encodeRequest({
  to = {},
}: AuthorizationRule): MessageInitShape<typeof RequestMatchSchema> {
  return {
    hosts: patterns(to.hosts?.map(normalizeHost)),
    notHosts: patterns(to.notHosts?.map(normalizeHost)),
    methods: [...(to.methods ?? [])],
    notMethods: [...(to.notMethods ?? [])],
    paths: patterns(to.paths),
    notPaths: patterns(to.notPaths),
    headers: (to.headers ?? []).map(encodeHeader),
  };
}

function encodeHeader(header: HeaderCondition): MessageInitShape<typeof HeaderMatchSchema> {
  const { name, present, values, notValues } = header;
  const { ANY, PRESENT, ABSENT } = HeaderMatch_Presence;
  return {
    name: name.toLowerCase(),
    presence: present === undefined ? ANY : present ? PRESENT : ABSENT,
    values: patterns(values),
    notValues: patterns(notValues),
  };
}

/** The form in which requests are compared: hosts are case-insensitive, and a dot at the end says nothing. */
function normalizeHost(host: string): string {
  return host.toLowerCase().replace(/\.$/, "");
}

function encodeMatch(rule: AuthorizationRule, namespace: string): Match {
  const { from = {}, to = {} } = rule;
  const accounts = (names: readonly string[] = []) =>
    names.map((name) => accountNamed(name, namespace));
  return {
    principals: principals(from.principals),
    notPrincipals: principals(from.notPrincipals),
    namespaces: patterns(from.namespaces),
    notNamespaces: patterns(from.notNamespaces),
    serviceAccounts: accounts(from.serviceAccounts),
    notServiceAccounts: accounts(from.notServiceAccounts),
    sourceIps: blocks(from.addresses),
    notSourceIps: blocks(from.notAddresses),
    destinationPorts: [...(to.ports ?? [])],
    notDestinationPorts: [...(to.notPorts ?? [])],
  };
}

/** `NAMESPACE/NAME`, or `NAME` in the policy's own namespace. */
export function accountNamed(
  name: string,
  home: string,
): Pick<SpiffeIdParts, "namespace" | "serviceAccount"> {
  const [first = "", second] = name.split("/");
  return second === undefined
    ? { namespace: home, serviceAccount: first }
    : { namespace: first, serviceAccount: second };
}

function principals(names: readonly string[] = []): StringMatch[] {
  return patterns(names.map(withoutScheme));
}

/** An identity as a policy compares it. */
export function withoutScheme(principal: string): string {
  return principal.replace(/^spiffe:\/\//, "");
}

function patterns(texts: readonly string[] = []): StringMatch[] {
  return texts.map((text) => {
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

export function namespaceOf(policy: AuthorizationPolicy | MeshPolicy): string {
  return policy.metadata.namespace ?? "default";
}
