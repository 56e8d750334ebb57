/**
 * V8's collection of the whole heap, also where Node was not started with `--expose-gc`. Loads what that takes only when it
 * is called: each module of Node costs a program memory for as long as it lives.
 */
export async function openCollector(): Promise<() => void> {
  const { gc } = globalThis;
  if (gc !== undefined) return () => gc();
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
