/** What is known of one endpoint's speed and health: the cost that the picker compares. */
import type { EndpointReport } from "../../api/sidecar-pages.ts";
import { formatAddress } from "../../core/address.ts";
import type { Endpoint } from "../discovery/destination.ts";

/** Half of an old observation's weight is gone after so long, as in Finagle and Linkerd. */
const decayMillis = 10_000;

/** What an endpoint costs that has been asked and has never answered: more than any that has. */
const unansweredPenalty = 1e9;

/** After a failed connect the endpoint is avoided for so long, doubling while it fails again. */
const firstPenaltyMillis = 500;
const maxPenaltyMillis = 30_000;

export class EndpointLoad {
  endpoint: Endpoint;
  /** Exchanges or connections that were sent there and have not ended. */
  pending = 0;
  /** 0 before the first answer, so that a new endpoint is tried at once, but by one request only. */
  #latency = 0;
  #stampedAt = 0;
  #failures = 0;
  #avoidedUntil = 0;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  /** Expected wait in milliseconds times the queue that one would join. */
  cost(now: number): number {
    if (this.#latency === 0) return this.pending === 0 ? 0 : unansweredPenalty + this.pending;
    return this.#decayed(now) * (this.pending + 1);
  }

  /** Peak-sensitive: a slower answer counts at once, a faster one only as the old one fades. */
  observe(latencyMillis: number, now: number): void {
    const weight = this.#weight(now);
    this.#latency =
      latencyMillis > this.#latency * weight
        ? latencyMillis
        : this.#latency * weight + latencyMillis * (1 - weight);
    this.#stampedAt = now;
    this.#failures = 0;
  }

  /** A connect that failed. */
  penalize(now: number): void {
    const penalty = Math.min(
      maxPenaltyMillis,
      firstPenaltyMillis * 2 ** Math.min(this.#failures, 10),
    );
    this.#failures += 1;
    this.#avoidedUntil = now + penalty;
  }

  isAvoided(now: number): boolean {
    return now < this.#avoidedUntil;
  }

  /** For people who look: what the picker compares, and why it may pass the endpoint over. */
  describe(now: number): EndpointReport {
    const { ip, port, namespace, workload, identity, tunnel } = this.endpoint;
    return {
      address: formatAddress({ ip, port }),
      workload: `${namespace}/${workload}`,
      identity: identity ?? null,
      tunnel,
      pending: this.pending,
      latencyMillis: Math.round(this.#decayed(now) * 100) / 100,
      failures: this.#failures,
      avoidedMillis: Math.max(0, Math.round(this.#avoidedUntil - now)),
    };
  }

  /** An endpoint that was not asked for long becomes cheap, and so is asked again. */
  #decayed(now: number): number {
    return this.#latency * this.#weight(now);
  }

  #weight(now: number): number {
    return Math.exp(-(now - this.#stampedAt) / decayMillis);
  }
}
