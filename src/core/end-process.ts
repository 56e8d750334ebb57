/** How a program ends at once, and for certain. */

/**
 * `process.exit` waits for what V8 compiles on other threads, and those may wait for a collection that only this thread
 * can make: the process then stays until it is killed (nodejs/node#54918). A collection before leaves them nothing to
 * wait for.
 */
export async function endProcess(
  host: { exit(code: number): unknown },
  code: number,
): Promise<void> {
  const collect = globalThis.gc ?? (await exposeCollector());
  collect();
  host.exit(code);
}

/** Loaded only here: each module of Node costs every program memory for as long as it lives. */
async function exposeCollector(): Promise<() => void> {
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
