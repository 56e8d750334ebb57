/** Time as a parameter: programs take the real clock, tests one that they move by hand. */
import type { Millis } from "./duration.ts";
import { monotonicNow } from "./monotonic.ts";

export interface Clock {
  /** Wall time in milliseconds since 1970, for certificates and logs. */
  wallTime(): number;
  /** A time in milliseconds that never goes back, for measuring and for deadlines. */
  now(): Millis;
  /** Calls back once, unless the returned function is called first. Never keeps the process alive. */
  after(delay: Millis, callback: () => void): () => void;
}

export const systemClock: Clock = {
  wallTime: () => Date.now(),
  now: () => monotonicNow() as Millis,
  after(delay, callback) {
    const timer = setTimeout(callback, Math.min(delay, 0x7fff_ffff));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
