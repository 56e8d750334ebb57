/** Policies put into the form in which they are asked: rules found by what a connection must have to match. */
import {
  type Authorization,
  type PolicyClause,
  type PolicyMatch,
  type PolicyRule,
  policyName,
  type RequestMatch,
} from "../../api/authorization.ts";
import { type Facts, matchesFacts } from "./match.ts";

/** A set of policies of one action. */
export interface RuleIndex {
  /** Whether there is a policy at all, one without rules included. */
  readonly present: boolean;
  /** The name of a policy that matches whatever the connection carries; undefined when none does. */
  find(facts: Facts): string | undefined;
  /**
   * The rules about requests whose part about connections matches, in groups by what they were found by: what is for many
   * clients stands apart from what is for one. The same rules are the same objects.
   */
  collect(facts: Facts): readonly (readonly RequestRule[])[];
}

/** A rule with the name of its policy. There may be ten thousand: no list, closure or copy is made for one. */
interface IndexedRule {
  readonly policy: string;
  readonly clauses: readonly PolicyClause[];
  readonly request: RequestMatch | undefined;
}

/** A rule about requests. */
export interface RequestRule extends IndexedRule {
  readonly request: RequestMatch;
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
    const name = policyName(policy);
    for (const rule of policy.rules) {
      const { clauses, request } = rule;
      const table = request === undefined ? ofConnections : ofRequests;
      table.add({ policy: name, clauses, request }, selectiveKey(rule));
    }
  }
  return {
    present: policies.length > 0,
    find: (facts) => ofConnections.find(facts)?.policy,
    collect: (facts) => ofRequests.collect(facts),
  };
}

/** Both sets as one, without a second look at their rules. */
export function joinIndexes(one: RuleIndex, other: RuleIndex): RuleIndex {
  return {
    present: one.present || other.present,
    find: (facts) => one.find(facts) ?? other.find(facts),
    collect: (facts) => [...one.collect(facts), ...other.collect(facts)],
  };
}

/**
 * The cost of a search is that of the rules that name the connection's own identity, namespace or port, and of those
 * that name none; rules about other clients are never looked at.
 */
class RuleTable {
  readonly #tables = {
    principal: new Map<string | number, IndexedRule[]>(),
    account: new Map<string | number, IndexedRule[]>(),
    namespace: new Map<string | number, IndexedRule[]>(),
    port: new Map<string | number, IndexedRule[]>(),
  };
  readonly #rest: IndexedRule[] = [];

  add(rule: IndexedRule, key: Key | undefined): void {
    if (key === undefined) {
      this.#rest.push(rule);
      return;
    }
    const table = this.#tables[key.fact];
    for (const value of new Set(key.values)) {
      const rules = table.get(value);
      if (rules === undefined) table.set(value, [rule]);
      else rules.push(rule);
    }
  }

  find(facts: Facts): IndexedRule | undefined {
    for (const rules of this.#candidates(facts)) {
      const found = rules?.find((rule) => matchesClauses(rule, facts));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  collect(facts: Facts): RequestRule[][] {
    return this.#candidates(facts)
      .map((rules = []) =>
        rules.filter(
          (rule): rule is RequestRule => isAboutRequests(rule) && matchesClauses(rule, facts),
        ),
      )
      .filter((rules) => rules.length > 0);
  }

  #candidates({ peer, port }: Facts): readonly (readonly IndexedRule[] | undefined)[] {
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

function isAboutRequests(rule: IndexedRule): rule is RequestRule {
  return rule.request !== undefined;
}

/** An empty clause always matches. */
function matchesClauses({ clauses }: IndexedRule, facts: Facts): boolean {
  return clauses.every(
    ({ matches }) => matches.length === 0 || matches.some((match) => matchesFacts(match, facts)),
  );
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
