/** A clock that stands still until a test moves it. */
import type { Clock } from "../../src/core/clock.ts";
import type { Millis } from "../../src/core/duration.ts";

export interface FakeClock extends Clock {
  /** Moves both times and calls every timer that falls due on the way, in order. */
  advance(millis: number): void;
  /** Moves wall time alone, as an operator or NTP does. */
  stepWallTime(millis: number): void;
  /** How many timers wait. */
  pending(): number;
}

interface Timer {
  readonly due: number;
  readonly callback: () => void;
}

export function createFakeClock(wallTime: number = Date.UTC(2030, 0, 1)): FakeClock {
  let now = 0;
  let offset = wallTime;
  const timers = new Set<Timer>();
  return {
    wallTime: () => offset + now,
    now: () => now as Millis,
    after(delay, callback) {
      const timer = { due: now + delay, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance(millis) {
      const end = now + millis;
      for (;;) {
        const next = [...timers].sort((a, b) => a.due - b.due)[0];
        if (next === undefined || next.due > end) break;
        timers.delete(next);
        now = Math.max(now, next.due);
        next.callback();
      }
      now = end;
    },
    stepWallTime(millis) {
      offset += millis;
    },
    pending: () => timers.size,
  };
}
