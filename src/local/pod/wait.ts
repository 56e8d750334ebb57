/** Waiting that ends early: for a time to pass, or for a promise, unless a signal says that it is over. */
import type { Clock } from "../../core/clock.ts";
import type { Millis } from "../../core/duration.ts";

/** Fulfilled after the delay, or at once when the signal is aborted. */
export function delay(clock: Clock, time: Millis, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const done = (): void => {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.after(time, done);
    signal?.addEventListener("abort", done);
  });
}

/** Whether the promise was settled in time. */
export async function settles(
  promise: Promise<unknown>,
  clock: Clock,
  time: Millis,
): Promise<boolean> {
  const over = new AbortController();
  const settled = promise.then(
    () => true,
    () => true,
  );
  const late = delay(clock, time, over.signal).then(() => false);
  const result = await Promise.race([settled, late]);
  over.abort();
  return result;
}
