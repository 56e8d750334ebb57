/** Decides whether a client may reach a port of this workload, and with which requests. The only place that makes a Permit. */
import type { PolicySnapshot } from "../../api/authorization.ts";
import { normalizeIp, parseIpBytes } from "../../core/address.ts";
import { type SpiffeId, spiffeIdParts } from "../../core/spiffe-id.ts";
import type { RequestHead } from "../../protocol/exchange.ts";
import type { Facts } from "./match.ts";
import { RequestReader } from "./request-facts.ts";
import { type Denial, type Settled, settle, type Verdict } from "./settle.ts";

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

/** The key to `forward`. Made here alone; holds for as long as the same question is answered with one. */
export interface Permit {
  readonly [permitBrand]: true;
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
  | Denial;

/** The request has more than one meaning, and the policies at hand depend on which one is meant. */
export interface Ambiguous {
  readonly kind: "ambiguous";
  readonly reason: string;
}

/** What one client may do at one port, for as long as the policies stay the same. */
export interface Gate {
  /** About bytes that are not HTTP. No rule on requests can allow them, and every one that denies may mean them. */
  readonly connection: Decision;
  /** The same for every request, or undefined when they are judged one by one. */
  readonly requests: Decision | undefined;
  /** About this request; leaves its path in the form in which it was judged. */
  judge(head: RequestHead): Decision | Ambiguous;
}

/**
 * Strict mutual TLS goes first. Any deny rule that matches denies; else, when an allow policy applies, one must match;
 * else the default decides. Policies that are not known deny: an attacker must not gain by keeping them away.
 */
export function openGate(snapshot: PolicySnapshot, facts: ConnectionFacts): Gate {
  if (!snapshot.loaded) return closedGate(undefined, "policies are not known yet");
  const [missing] = snapshot.missing;
  if (missing !== undefined) {
    return closedGate(missing, `policy ${missing} is not known or not readable`);
  }
  const addresses = `${facts.clientIp}|${facts.destinationIp}`;
  const { enforced, audited } = settle(snapshot, inPolicyWords(facts), addresses);
  return new OpenGate(facts, enforced, audited);
}

/** About bytes that are not HTTP. */
export function authorize(snapshot: PolicySnapshot, facts: ConnectionFacts): Decision {
  return openGate(snapshot, facts).connection;
}

function closedGate(policy: string | undefined, reason: string): Gate {
  const denial: Denial = { kind: "denied", policy, reason };
  return { connection: denial, requests: denial, judge: () => denial };
}

class OpenGate implements Gate {
  readonly connection: Decision;
  readonly requests: Decision | undefined;
  readonly #facts: ConnectionFacts;
  readonly #enforced: Settled;
  readonly #audited: Settled | undefined;
  readonly #reader = new RequestReader();
  /** Of requests that no policy in audit mode minds, by the policy that allows them. */
  readonly #permits = new Map<string | undefined, Decision>();

  constructor(facts: ConnectionFacts, enforced: Settled, audited: Settled | undefined) {
    this.#facts = facts;
    this.#enforced = enforced;
    this.#audited = audited;
    this.connection = this.#decide(enforced.connection, audited?.connection);
    const settled = enforced.requests;
    const differs = audited !== undefined && audited.requests === undefined;
    if (settled?.kind === "denied") this.requests = settled;
    else if (settled === undefined || differs) this.requests = undefined;
    else this.requests = this.#decide(settled, audited?.requests);
  }

  judge(head: RequestHead): Decision | Ambiguous {
    if (this.requests !== undefined) return this.requests;
    const reader = this.#reader;
    const { needs } = this.#enforced;
    if (!reader.read(head, needs)) return { kind: "ambiguous", reason: reader.problem };
    const verdict = this.#enforced.judge(reader);
    if (verdict.kind === "denied") return verdict;
    head.path = reader.target;
    return this.#decide(verdict, this.#audited === undefined ? undefined : this.#audit(head));
  }

  /** Nothing is changed for the sake of a policy that is not enforced. */
  #audit(head: RequestHead): Verdict | undefined {
    const reader = this.#reader;
    const audited = this.#audited as Settled;
    if (reader.read(head, audited.needs)) return audited.judge(reader);
    return { kind: "denied", policy: undefined, reason: reader.problem };
  }

  #decide(verdict: Verdict, audited: Verdict | undefined): Decision {
    if (verdict.kind === "denied") return verdict;
    const { policy } = verdict;
    if (audited?.kind === "denied") {
      const audit = { policy: audited.policy, reason: audited.reason };
      return { kind: "permit", permit: { facts: this.#facts, policy } as Permit, audit };
    }
    let decision = this.#permits.get(policy);
    if (decision === undefined) {
      const permit = { facts: this.#facts, policy } as Permit;
      decision = { kind: "permit", permit, audit: undefined };
      this.#permits.set(policy, decision);
    }
    return decision;
  }
}

/** For those who evaluate conditions one by one. */
export function inPolicyWords(facts: ConnectionFacts): Facts {
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
