/** What is known of one endpoint's speed and health: the cost that the picker compares. */
import type { Endpoint } from "../discovery/destination.ts";

/** Half of an old observation's weight is gone after so long, as in Finagle and Linkerd. */
const decayMillis = 10_000;

/** Assumed before the first answer: a pod on the same network. */
const initialLatencyMillis = 1;

/** After a failed connect the endpoint is avoided for so long, doubling while it fails again. */
const firstPenaltyMillis = 500;
const maxPenaltyMillis = 30_000;

export class EndpointLoad {
  endpoint: Endpoint;
  /** Exchanges or connections that were sent there and have not ended. */
  pending = 0;
  #latency = initialLatencyMillis;
  #stampedAt = 0;
  #failures = 0;
  #avoidedUntil = 0;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  /** Expected wait in milliseconds times the queue that one would join. */
  cost(now: number): number {
    return this.#decayed(now) * (this.pending + 1);
  }

  /** Peak-sensitive: a slower answer counts at once, a faster one only as the old one fades. */
  observe(latencyMillis: number, now: number): void {
    const old = this.#decayed(now);
    const weight = Math.exp(-(now - this.#stampedAt) / decayMillis);
    this.#latency =
      latencyMillis > old ? latencyMillis : old * weight + latencyMillis * (1 - weight);
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

  /** An endpoint that was slow long ago deserves another try. */
  #decayed(now: number): number {
    const weight = Math.exp(-(now - this.#stampedAt) / decayMillis);
    return initialLatencyMillis + (this.#latency - initialLatencyMillis) * weight;
  }
}
