/** How long to wait before the next try: doubling from a base to a cap, with full jitter above the base. */
import type { Millis } from "./duration.ts";

export interface BackoffConfig {
  /** First delay. */
  readonly base: Millis;
  /** No delay is longer. */
  readonly max: Millis;
}

/** The delay before try number `attempt` (0 is the first repeat); `random` gives a number in [0, 1). */
export function backoffDelay(
  config: BackoffConfig,
  attempt: number,
  random: () => number = Math.random,
): Millis {
  const ceiling = Math.min(config.max, config.base * 2 ** Math.min(attempt, 30));
  return (config.base + random() * Math.max(0, ceiling - config.base)) as Millis;
}
