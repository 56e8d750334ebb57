/**
 * What is left of all policies for one client at one port: mostly a verdict, and otherwise the few rules that a request
 * has to be held against. Found once for each client and port, and kept as long as the policies are the same.
 */
import type { Authorization, PolicyMatch, PolicySnapshot } from "../../api/authorization.ts";
import { type PortPolicy, portPolicy } from "../../api/mesh-policy.ts";
import { indexRules, joinIndexes, type RequestRule, type RuleIndex } from "./compile.ts";
import type { Facts } from "./match.ts";
import type { Caution } from "./match-request.ts";
import type { RequestFacts, RequestNeeds } from "./request-facts.ts";
import { indexRequestRules, type RequestIndex } from "./request-index.ts";

export interface Denial {
  readonly kind: "denied";
  /** `NAMESPACE/NAME`, or `MeshPolicy NAMESPACE/NAME`; undefined when it is the lack of an allow policy that denies. */
  readonly policy: string | undefined;
  readonly reason: string;
  /** What a caller may know who has not proven to be of the mesh. */
  readonly told?: string;
}

export type Verdict = { readonly kind: "allowed"; readonly policy: string | undefined } | Denial;

export interface Settled {
  /** About bytes that are not HTTP. */
  readonly connection: Verdict;
  /** About every request, or undefined when they differ. */
  readonly requests: Verdict | undefined;
  readonly needs: RequestNeeds;
  judge(request: RequestFacts): Verdict;
}

export interface Settlement {
  readonly enforced: Settled;
  /** What would be in force without audit mode; undefined when no policy is in audit mode. */
  readonly audited: Settled | undefined;
}

/** Clients times ports that are remembered; one pod has fewer, and forgetting costs a search through the policies. */
const maxSettlements = 1_024;

/** `snapshot` is loaded and nothing is missing. */
export function settle(snapshot: PolicySnapshot, facts: Facts, addresses: string): Settlement {
  const compiled = compile(snapshot);
  const key = `${facts.peer?.principal ?? ""}|${facts.port}|${compiled.byAddress ? addresses : ""}`;
  let settlement = compiled.settlements.get(key);
  if (settlement === undefined) {
    const mesh = portPolicy(snapshot.mesh, facts.port);
    settlement = {
      enforced: settleSet(compiled, compiled.enforced, facts, mesh),
      audited: compiled.audited && settleSet(compiled, compiled.audited, facts, mesh),
    };
    if (compiled.settlements.size >= maxSettlements) compiled.settlements.clear();
    compiled.settlements.set(key, settlement);
  }
  return settlement;
}

interface PolicySet {
  readonly deny: RuleIndex;
  readonly allow: RuleIndex;
}

interface Compiled {
  readonly enforced: PolicySet;
  readonly audited: PolicySet | undefined;
  /** Whether any rule asks where a connection comes from or goes to. */
  readonly byAddress: boolean;
  readonly settlements: Map<string, Settlement>;
  /** The newest first. Clients differ, but mostly the same rules are left for them. */
  readonly indexes: SharedIndex[];
}

interface SharedIndex {
  readonly rules: readonly RequestRule[];
  readonly caution: Caution;
  readonly index: RequestIndex;
}

/** Groups of rules that are kept indexed; an index costs far more than the search for one. */
const maxIndexes = 16;

function shareIndex(
  { indexes }: Compiled,
  rules: readonly RequestRule[],
  caution: Caution,
): RequestIndex {
  const known = indexes.find((shared) => shared.caution === caution && isSame(shared.rules, rules));
  if (known !== undefined) return known.index;
  const index = indexRequestRules(rules, caution);
  indexes.unshift({ rules, caution, index });
  if (indexes.length > maxIndexes) indexes.pop();
  return index;
}

function isSame(one: readonly RequestRule[], other: readonly RequestRule[]): boolean {
  return one.length === other.length && one.every((rule, index) => rule === other[index]);
}

const compiledSnapshots = new WeakMap<PolicySnapshot, Compiled>();

function compile(snapshot: PolicySnapshot): Compiled {
  const known = compiledSnapshots.get(snapshot);
  if (known !== undefined) return known;
  const { policies } = snapshot;
  const enforced = indexSet(policies.filter((policy) => !policy.dryRun));
  const inAudit = policies.filter((policy) => policy.dryRun);
  const compiled: Compiled = {
    enforced,
    audited: inAudit.length === 0 ? undefined : joinSets(enforced, indexSet(inAudit)),
    byAddress: policies.some(asksForAddress),
    settlements: new Map(),
    indexes: [],
  };
  compiledSnapshots.set(snapshot, compiled);
  return compiled;
}

function indexSet(policies: readonly Authorization[]): PolicySet {
  return {
    deny: indexRules(policies.filter((policy) => policy.action === "deny")),
    allow: indexRules(policies.filter((policy) => policy.action === "allow")),
  };
}

function joinSets(one: PolicySet, other: PolicySet): PolicySet {
  return {
    deny: joinIndexes(one.deny, other.deny),
    allow: joinIndexes(one.allow, other.allow),
  };
}

function asksForAddress({ rules }: Authorization): boolean {
  return rules.some(({ clauses }) => clauses.some(({ matches }) => matches.some(isAboutAddress)));
}

function isAboutAddress(match: PolicyMatch): boolean {
  return (
    match.sourceIps.length + match.notSourceIps.length > 0 ||
    match.destinationIps.length + match.notDestinationIps.length > 0
  );
}

function settleSet(
  compiled: Compiled,
  { deny, allow }: PolicySet,
  facts: Facts,
  mesh: PortPolicy,
): Settled {
  if (facts.peer === undefined && mesh.mtls === "strict") return settled(plaintextRefused(mesh));
  const denier = deny.find(facts);
  if (denier !== undefined) return settled(denied(denier, `policy ${denier} denies it`));
  const denyRules = deny.collect(facts);
  const denials = denyRules.map((rules) => shareIndex(compiled, rules, "deny"));
  const allower = allow.present ? allow.find(facts) : undefined;
  const searched = allow.present && allower === undefined;
  const allowRules = searched ? allow.collect(facts) : [];
  const allowances = allowRules.map((rules) => shareIndex(compiled, rules, "allow"));
  const otherwise = allow.present ? allowed(allower) : byDefault(mesh);
  if (denials.length + allowances.length === 0) return settled(otherwise);
  const firstDenial = denyRules[0]?.[0];
  const connection =
    firstDenial === undefined ? otherwise : denied(firstDenial.policy, notHttp(firstDenial.policy));
  return new OpenSettled(connection, otherwise, denials, allowances);
}

function notHttp(policy: string): string {
  return `policy ${policy} denies requests, and what is not HTTP cannot be told from them`;
}

/** Undefined: none matched. */
function allowed(policy: string | undefined): Verdict {
  return policy === undefined
    ? denied(undefined, "no allow policy matched")
    : { kind: "allowed", policy };
}

function byDefault(mesh: PortPolicy): Verdict {
  if (mesh.defaultAction === "allow") return { kind: "allowed", policy: undefined };
  const policy = `MeshPolicy ${mesh.defaultPolicy}`;
  return denied(policy, `no policy allows it, and ${policy} denies by default`);
}

function plaintextRefused(mesh: PortPolicy): Denial {
  const policy = `MeshPolicy ${mesh.mtlsPolicy}`;
  const told = "this port takes mutual TLS only";
  return { ...denied(policy, `plaintext, and ${policy} asks for mutual TLS`), told };
}

function denied(policy: string | undefined, reason: string): Denial {
  return { kind: "denied", policy, reason };
}

function settled(verdict: Verdict): Settled {
  return { connection: verdict, requests: verdict, needs: nothing, judge: () => verdict };
}

const nothing: RequestNeeds = { host: false, path: false };

class OpenSettled implements Settled {
  readonly connection: Verdict;
  readonly requests = undefined;
  readonly needs: RequestNeeds;
  readonly #otherwise: Verdict;
  readonly #denials: readonly RequestIndex[];
  readonly #allowances: readonly RequestIndex[];
  /** One object for each policy, so that judging a request makes none. */
  readonly #denied = new Map<string, Verdict>();
  readonly #allowed = new Map<string, Verdict>();

  constructor(
    connection: Verdict,
    otherwise: Verdict,
    denials: readonly RequestIndex[],
    allowances: readonly RequestIndex[],
  ) {
    this.connection = connection;
    this.#otherwise = otherwise;
    this.#denials = denials;
    this.#allowances = allowances;
    const all = [...denials, ...allowances];
    this.needs = {
      host: all.some(({ needs }) => needs.host),
      path: all.some(({ needs }) => needs.path),
    };
  }

  judge(request: RequestFacts): Verdict {
    const denier = findIn(this.#denials, request);
    if (denier !== undefined) return keep(this.#denied, denier, requestDenied);
    const allower = findIn(this.#allowances, request);
    return allower === undefined ? this.#otherwise : keep(this.#allowed, allower, allowed);
  }
}

function findIn(indexes: readonly RequestIndex[], request: RequestFacts): string | undefined {
  for (const index of indexes) {
    const policy = index.find(request);
    if (policy !== undefined) return policy;
  }
  return undefined;
}

function requestDenied(policy: string): Verdict {
  return denied(policy, `policy ${policy} denies the request`);
}

function keep(
  known: Map<string, Verdict>,
  policy: string,
  make: (policy: string) => Verdict,
): Verdict {
  let verdict = known.get(policy);
  if (verdict === undefined) {
    verdict = make(policy);
    known.set(policy, verdict);
  }
  return verdict;
}
