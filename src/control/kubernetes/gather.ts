/** Changes that come in a burst become one: a rollout of a hundred pods is a few snapshots, not hundreds. */
import type { Clock } from "../../core/clock.ts";
import { type Millis, millis } from "../../core/duration.ts";

export interface GatherConfig {
  /** How long nothing must have come; default 20 ms. */
  readonly settle: Millis;
  /** No change waits for longer, however many follow; default 200 ms, so that a proxy knows it within the second. */
  readonly atMost: Millis;
}

export const defaultGatherConfig: GatherConfig = { settle: millis(20), atMost: millis(200) };

export interface Gatherer {
  /** Something has changed. */
  touch(): void;
  close(): void;
}

export function createGatherer(clock: Clock, config: GatherConfig, flush: () => void): Gatherer {
  let first: Millis | undefined;
  let last = clock.now();
  let stop: () => void = () => {};
  const look = (): void => {
    if (first === undefined) return;
    const now = clock.now();
    const wait = Math.min(last + config.settle, first + config.atMost) - now;
    if (wait > 0) stop = clock.after(wait as Millis, look);
    else {
      first = undefined;
      flush();
    }
  };
  return {
    touch() {
      last = clock.now();
      if (first !== undefined) return;
      first = last;
      stop = clock.after(config.settle, look);
    },
    close() {
      first = undefined;
      stop();
    },
  };
}
