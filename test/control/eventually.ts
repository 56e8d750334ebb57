/** Waiting for a condition that nobody announces. */
import { setTimeout as delay } from "node:timers/promises";

/**
 * Asks until the answer is neither undefined nor false; fails with the question's name when the time is over. A question that
 * costs much is asked more seldom.
 */
export async function eventually<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  limitMillis = 5_000,
  pauseMillis = 5,
): Promise<T> {
  const end = performance.now() + limitMillis;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > end) throw new Error(`not within ${limitMillis} ms: ${what}`);
    await delay(pauseMillis);
  }
}
