/** Milliseconds that never go back. As fast as `performance.now`, without the modules that come with `performance`. */
const { hrtime } = process;

export function monotonicNow(): number {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}
