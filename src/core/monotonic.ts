/** Milliseconds that never go back. The global `performance` is a getter that finds its object anew each time. */
const source = performance;

export function monotonicNow(): number {
  return source.now();
}
