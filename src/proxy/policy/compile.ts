/** Policies put into the form in which they are asked: predicates, found by what a connection must have to match. */
import {
  type Authorization,
  type PolicyClause,
  type PolicyMatch,
  type PolicyRule,
  policyName,
} from "../../api/authorization.ts";
import { type Facts, matchPredicate } from "./match.ts";

/** A set of policies of one action. */
export interface RuleIndex {
  /** Whether there is a policy at all, one without rules included. */
  readonly present: boolean;
  /** The name of a policy that matches; undefined when none does. */
  find(facts: Facts): string | undefined;
}

interface CompiledRule {
  readonly policy: string;
  readonly matches: (facts: Facts) => boolean;
}

/** What a rule can be looked up by: the values of one fact, without one of which it cannot match. */
interface Key {
  readonly fact: "principal" | "account" | "namespace" | "port";
  readonly values: readonly (string | number)[];
}

/**
 * The cost of `find` is that of the rules that name the connection's own identity, namespace or port, and of those
 * that name none; rules about other clients are never looked at.
 */
export function indexRules(policies: readonly Authorization[]): RuleIndex {
  const tables = {
    principal: new Map<string | number, CompiledRule[]>(),
    account: new Map<string | number, CompiledRule[]>(),
    namespace: new Map<string | number, CompiledRule[]>(),
    port: new Map<string | number, CompiledRule[]>(),
  };
  const rest: CompiledRule[] = [];
  for (const policy of policies) {
    for (const rule of policy.rules) {
      // Requests are not looked at here: such a rule denies what it may be about, and allows nothing.
      if (rule.request !== undefined && policy.action === "allow") continue;
      const compiled = { policy: policyName(policy), matches: rulePredicate(rule) };
      const key = selectiveKey(rule);
      if (key === undefined) rest.push(compiled);
      for (const value of new Set(key?.values)) {
        const table = tables[key?.fact ?? "port"];
        const rules = table.get(value);
        if (rules === undefined) table.set(value, [compiled]);
        else rules.push(compiled);
      }
    }
  }
  return {
    present: policies.length > 0,
    find(facts) {
      const { peer } = facts;
      return (
        firstMatch(peer && tables.principal.get(peer.principal), facts) ??
        firstMatch(peer && tables.account.get(peer.account), facts) ??
        firstMatch(peer && tables.namespace.get(peer.namespace), facts) ??
        firstMatch(tables.port.get(facts.port), facts) ??
        firstMatch(rest, facts)
      );
    },
  };
}

function firstMatch(rules: readonly CompiledRule[] | undefined, facts: Facts): string | undefined {
  return rules?.find((rule) => rule.matches(facts))?.policy;
}

function rulePredicate(rule: PolicyRule): (facts: Facts) => boolean {
  const clauses = rule.clauses
    // An empty clause always matches.
    .filter((clause) => clause.matches.length > 0)
    .map((clause) => clause.matches.map(matchPredicate));
  return (facts) => clauses.every((matches) => matches.some((matches) => matches(facts)));
}

/** The narrowest key of any clause: every clause must hold, so each one's key is enough. */
function selectiveKey(rule: PolicyRule): Key | undefined {
  const readers = [principalsOf, accountsOf, namespacesOf, portsOf];
  for (const read of readers) {
    for (const clause of rule.clauses) {
      const key = clauseKey(clause, read);
      if (key !== undefined) return key;
    }
  }
  return undefined;
}

/** A clause has a key when each of its matches has one. */
function clauseKey(
  clause: PolicyClause,
  read: (match: PolicyMatch) => Key | undefined,
): Key | undefined {
  const keys = clause.matches.map(read);
  const [first] = keys;
  if (first === undefined) return undefined;
  const values: (string | number)[] = [];
  for (const key of keys) {
    if (key === undefined) return undefined;
    values.push(...key.values);
  }
  return { fact: first.fact, values };
}

function principalsOf(match: PolicyMatch): Key | undefined {
  const values = exactTexts(match.principals);
  return values && { fact: "principal", values };
}

function namespacesOf(match: PolicyMatch): Key | undefined {
  const values = exactTexts(match.namespaces);
  return values && { fact: "namespace", values };
}

function accountsOf(match: PolicyMatch): Key | undefined {
  if (match.serviceAccounts.length === 0) return undefined;
  const values = match.serviceAccounts.map((item) => `${item.namespace}/${item.serviceAccount}`);
  return { fact: "account", values };
}

function portsOf(match: PolicyMatch): Key | undefined {
  if (match.destinationPorts.length === 0) return undefined;
  return { fact: "port", values: match.destinationPorts };
}

function exactTexts(matches: PolicyMatch["principals"]): readonly string[] | undefined {
  if (matches.length === 0) return undefined;
  const texts: string[] = [];
  for (const match of matches) {
    if (match.kind !== "exact") return undefined;
    texts.push(match.text);
  }
  return texts;
}
