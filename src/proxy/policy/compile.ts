/** Policies put into the form in which they are asked: predicates, found by what a connection must have to match. */
import {
  type Authorization,
  type PolicyClause,
  type PolicyMatch,
  type PolicyRule,
  policyName,
  type RequestMatch,
} from "../../api/authorization.ts";
import { type Facts, matchPredicate } from "./match.ts";

/** A set of policies of one action. */
export interface RuleIndex {
  /** Whether there is a policy at all, one without rules included. */
  readonly present: boolean;
  /** The name of a policy that matches whatever the connection carries; undefined when none does. */
  find(facts: Facts): string | undefined;
  /** The rules about requests whose part about connections matches; the same rules are the same objects. */
  collect(facts: Facts): readonly RequestRule[];
}

/** A rule about requests, without its part about connections. */
export interface RequestRule {
  readonly policy: string;
  readonly request: RequestMatch;
}

interface CompiledRule {
  readonly policy: string;
  readonly matches: (facts: Facts) => boolean;
  readonly request: RequestRule | undefined;
}

/** What a rule can be looked up by: the values of one fact, without one of which it cannot match. */
interface Key {
  readonly fact: "principal" | "account" | "namespace" | "port";
  readonly values: readonly (string | number)[];
}

export function indexRules(policies: readonly Authorization[]): RuleIndex {
  const ofConnections = new RuleTable();
  const ofRequests = new RuleTable();
  for (const policy of policies) {
    for (const rule of policy.rules) {
      (rule.request === undefined ? ofConnections : ofRequests).add(policyName(policy), rule);
    }
  }
  return {
    present: policies.length > 0,
    find: (facts) => ofConnections.find(facts)?.policy,
    collect: (facts) => ofRequests.collect(facts),
  };
}

/**
 * The cost of a search is that of the rules that name the connection's own identity, namespace or port, and of those
 * that name none; rules about other clients are never looked at.
 */
class RuleTable {
  readonly #tables = {
    principal: new Map<string | number, CompiledRule[]>(),
    account: new Map<string | number, CompiledRule[]>(),
    namespace: new Map<string | number, CompiledRule[]>(),
    port: new Map<string | number, CompiledRule[]>(),
  };
  readonly #rest: CompiledRule[] = [];

  add(policy: string, rule: PolicyRule): void {
    const request = rule.request && { policy, request: rule.request };
    const compiled = { policy, matches: rulePredicate(rule), request };
    const key = selectiveKey(rule);
    if (key === undefined) this.#rest.push(compiled);
    for (const value of new Set(key?.values)) {
      const table = this.#tables[key?.fact ?? "port"];
      const rules = table.get(value);
      if (rules === undefined) table.set(value, [compiled]);
      else rules.push(compiled);
    }
  }

  find(facts: Facts): CompiledRule | undefined {
    for (const rules of this.#candidates(facts)) {
      const found = rules?.find((rule) => rule.matches(facts));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  collect(facts: Facts): RequestRule[] {
    const found: RequestRule[] = [];
    for (const rules of this.#candidates(facts)) {
      for (const { matches, request } of rules ?? []) {
        if (request !== undefined && matches(facts)) found.push(request);
      }
    }
    return found;
  }

  #candidates({ peer, port }: Facts): readonly (readonly CompiledRule[] | undefined)[] {
    const { principal, account, namespace } = this.#tables;
    return [
      peer && principal.get(peer.principal),
      peer && account.get(peer.account),
      peer && namespace.get(peer.namespace),
      this.#tables.port.get(port),
      this.#rest,
    ];
  }
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
