/** Decides whether a client may reach a port of this workload. Pure; the only place that makes a Permit. */
import { type Authorization, type PolicySnapshot } from "../../api/authorization.ts";
import { normalizeIp, parseIpBytes } from "../../core/address.ts";
import { type SpiffeId, spiffeIdParts } from "../../core/spiffe-id.ts";
import { indexRules, type RuleIndex } from "./compile.ts";
import type { Facts } from "./match.ts";

/** What is known of a connection when it asks to come in. */
export interface ConnectionFacts {
  /** The identity that the TLS handshake proved; undefined for plaintext. */
  readonly peer: SpiffeId | undefined;
  readonly clientIp: string;
  readonly destinationIp: string;
  /** The application's port, never the mesh's. */
  readonly port: number;
}

declare const permitBrand: unique symbol;

/** The key to `forward`. Made here alone; holds for as long as `authorize` gives one for the same facts. */
export interface Permit {
  readonly [permitBrand]: true;
  /** To ask again when the policies change. */
  readonly facts: ConnectionFacts;
  /** `NAMESPACE/NAME` of the policy that allows it; undefined when no allow policy applies. */
  readonly policy: string | undefined;
}

/** A policy in audit mode would have refused what was permitted. */
export interface AuditFinding {
  readonly policy: string | undefined;
  readonly reason: string;
}

export type Decision =
  | {
      readonly kind: "permit";
      readonly permit: Permit;
      readonly audit: AuditFinding | undefined;
    }
  | {
      readonly kind: "denied";
      /** `NAMESPACE/NAME`; undefined when it is the lack of an allow policy that denies. */
      readonly policy: string | undefined;
      readonly reason: string;
    };

/**
 * Any deny policy that matches denies; else, when an allow policy applies, one must match; else everything is
 * permitted. Policies that are not known deny: an attacker must not gain by keeping them away.
 */
export function authorize(snapshot: PolicySnapshot, facts: ConnectionFacts): Decision {
  if (!snapshot.loaded) return denied(undefined, "policies are not known yet");
  const [missing] = snapshot.missing;
  if (missing !== undefined)
    return denied(missing, `policy ${missing} is not known or not readable`);
  const compiled = compile(snapshot);
  if (compiled.trivial) return permitted(facts, undefined, undefined);
  const words = inPolicyWords(facts);
  const verdict = decide(compiled.enforced, words);
  if (verdict.kind === "denied") return verdict;
  const audited = compiled.audited && decide(compiled.audited, words);
  const audit = audited?.kind === "denied" ? audited : undefined;
  return permitted(facts, verdict.policy, audit && { policy: audit.policy, reason: audit.reason });
}

interface PolicySet {
  readonly deny: RuleIndex;
  readonly allow: RuleIndex;
}

interface Compiled {
  /** There is no policy at all. */
  readonly trivial: boolean;
  readonly enforced: PolicySet;
  /** What would be in force without audit mode; undefined when no policy is in audit mode. */
  readonly audited: PolicySet | undefined;
}

const compiledSnapshots = new WeakMap<PolicySnapshot, Compiled>();

function compile(snapshot: PolicySnapshot): Compiled {
  const known = compiledSnapshots.get(snapshot);
  if (known !== undefined) return known;
  const { policies } = snapshot;
  const enforced = policies.filter((policy) => !policy.dryRun);
  const compiled: Compiled = {
    trivial: policies.length === 0,
    enforced: indexSet(enforced),
    audited: enforced.length === policies.length ? undefined : indexSet(policies),
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

type Verdict =
  | { readonly kind: "allowed"; readonly policy: string | undefined }
  | Extract<Decision, { kind: "denied" }>;

function decide(policies: PolicySet, facts: Facts): Verdict {
  const denier = policies.deny.find(facts);
  if (denier !== undefined) return denied(denier, `policy ${denier} denies it`);
  if (!policies.allow.present) return { kind: "allowed", policy: undefined };
  const allower = policies.allow.find(facts);
  if (allower === undefined) return denied(undefined, "no allow policy matched");
  return { kind: "allowed", policy: allower };
}

function inPolicyWords(facts: ConnectionFacts): Facts {
  return {
    peer: facts.peer === undefined ? undefined : peerInPolicyWords(facts.peer),
    clientIp: addressBytes(facts.clientIp),
    destinationIp: addressBytes(facts.destinationIp),
    port: facts.port,
  };
}

function peerInPolicyWords(peer: SpiffeId): NonNullable<Facts["peer"]> {
  const { namespace, serviceAccount } = spiffeIdParts(peer);
  return {
    principal: peer.slice("spiffe://".length),
    namespace,
    account: `${namespace}/${serviceAccount}`,
  };
}

/** IPv4 clients of a dual-stack listener come as IPv4-mapped addresses; policies mean the IPv4 address. */
function addressBytes(ip: string): Uint8Array {
  return parseIpBytes(normalizeIp(ip)) ?? new Uint8Array(0);
}

function permitted(
  facts: ConnectionFacts,
  policy: string | undefined,
  audit: AuditFinding | undefined,
): Decision {
  return { kind: "permit", permit: { facts, policy } as Permit, audit };
}

function denied(policy: string | undefined, reason: string): Extract<Decision, { kind: "denied" }> {
  return { kind: "denied", policy, reason };
}
