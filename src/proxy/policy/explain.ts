/** Why a client may or may not: what was decided, and beside it every policy, rule by rule, as a person would go through them. */
import {
  type Authorization,
  type HeaderMatch,
  noConditions,
  noRequestConditions,
  type PolicyMatch,
  type PolicyRule,
  type PolicySnapshot,
  policyName,
  type RequestMatch,
} from "../../api/authorization.ts";
import type { RequestHead } from "../../protocol/exchange.ts";
import {
  type Ambiguous,
  type ConnectionFacts,
  type Decision,
  inPolicyWords,
  openGate,
} from "./authorize.ts";
import { type Facts, matchesFacts } from "./match.ts";
import { type Caution, requestPredicate } from "./match-request.ts";
import { type RequestFacts, RequestReader } from "./request-facts.ts";

export interface Explanation {
  readonly decision: Decision | Ambiguous;
  /** The path as it was judged, and its other readings. */
  readonly paths: readonly string[];
  readonly policies: readonly PolicyExplanation[];
}

export interface PolicyExplanation {
  readonly policy: string;
  readonly action: "allow" | "deny";
  readonly audit: boolean;
  readonly matched: boolean;
  /** For each rule what kept it from matching; empty for one that matched. */
  readonly rules: readonly string[];
}

/** Without a head it is asked for bytes that are not HTTP. */
export function explain(
  snapshot: PolicySnapshot,
  connection: ConnectionFacts,
  head?: RequestHead,
): Explanation {
  const gate = openGate(snapshot, connection);
  const facts = inPolicyWords(connection);
  const reader = new RequestReader();
  const readable = head !== undefined && reader.read(head, { host: true, path: true });
  const request = readable ? reader : undefined;
  const unread = head === undefined ? notHttp : reader.problem;
  const policies = snapshot.policies.map((policy) => {
    const rules = policy.rules.map((rule) => whyNot(rule, policy.action, facts, request ?? unread));
    return {
      policy: policyName(policy),
      action: policy.action,
      audit: policy.dryRun,
      matched: rules.includes(""),
      rules,
    };
  });
  return {
    decision: head === undefined ? gate.connection : gate.judge({ ...head }),
    paths: request === undefined ? [] : [request.path, ...request.otherReadings],
    policies,
  };
}

const notHttp = "it is about HTTP requests";

/** A few lines for a log. */
export function summarize({ policies }: Explanation): string[] {
  return policies
    .filter(({ action, matched }) => matched === (action === "deny"))
    .slice(0, maxSummary)
    .map(({ policy, matched, rules }) => {
      if (matched) return `${policy} matched`;
      return `${policy}: ${rules[0] === undefined ? "has no rules" : rules.slice(0, 3).join("; ")}`;
    });
}

/** Policies that one line of the log tells of. */
const maxSummary = 5;

/** Empty when the rule matches. `request` is the reason where there is none that could be looked at. */
function whyNot(
  rule: PolicyRule,
  action: Authorization["action"],
  facts: Facts,
  request: RequestFacts | string,
): string {
  for (const { matches } of rule.clauses) {
    const reasons = matches.map((match) => whyNoMatch(match, facts));
    if (reasons.length > 0 && !reasons.includes("")) return reasons.join(", or ");
  }
  if (rule.request === undefined) return "";
  if (typeof request !== "string") return whyNoRequest(rule.request, action, request);
  // Bytes that are not HTTP may be what the rule is to keep away.
  return action === "deny" && request === notHttp ? "" : request;
}

/** By their names in an AuthorizationPolicy. */
const conditionNames: Readonly<Record<keyof PolicyMatch, string>> = {
  namespaces: "from.namespaces",
  notNamespaces: "from.notNamespaces",
  principals: "from.principals",
  notPrincipals: "from.notPrincipals",
  sourceIps: "from.addresses",
  notSourceIps: "from.notAddresses",
  destinationIps: "the pod's address",
  notDestinationIps: "the pod's address",
  destinationPorts: "to.ports",
  notDestinationPorts: "to.notPorts",
  serviceAccounts: "from.serviceAccounts",
  notServiceAccounts: "from.notServiceAccounts",
};

function whyNoMatch(match: PolicyMatch, facts: Facts): string {
  const names = (Object.keys(conditionNames) as (keyof PolicyMatch)[]).filter(
    (name) => match[name].length > 0,
  );
  if (names.length === 0) return "it has no conditions";
  const failed = names.find((name) => {
    const alone = { ...noConditions, [name]: match[name] };
    return !matchesFacts(alone, facts);
  });
  return failed === undefined ? "" : `${conditionNames[failed]} does not hold`;
}

function whyNoRequest(match: RequestMatch, caution: Caution, request: RequestFacts): string {
  const { headers, ...conditions } = match;
  for (const [name, values] of Object.entries(conditions)) {
    if (values.length === 0) continue;
    const alone = { ...noRequestConditions, [name]: values };
    if (!requestPredicate(alone, caution)(request)) return `to.${name} does not hold`;
  }
  const failed = headers.find((header) => !holdsAlone(header, caution, request));
  return failed === undefined ? "" : `to.headers: ${failed.name} does not hold`;
}

function holdsAlone(header: HeaderMatch, caution: Caution, request: RequestFacts): boolean {
  return requestPredicate({ ...noRequestConditions, headers: [header] }, caution)(request);
}
