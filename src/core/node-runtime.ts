/** How Node must be started for a sidecar, wherever it is started: by the runner, by a pod's spec, by the bench. */

/**
 * Uncapped, V8 sizes its heap by the machine and is killed in a small container by buffer churn alone. `gc` is used
 * when the sidecar is quiet (src/proxy/status/memory.ts). FFI is stable enough for the two calls that need it. Sparkplug's
 * code is as fast as the interpreter's for what runs seldom, soon replaced for what runs often, and a megabyte in between.
 */
export const sidecarNodeFlags: readonly string[] = [
  "--disable-warning=ExperimentalWarning",
  "--max-heap-size=48",
  "--expose-gc",
  "--no-sparkplug",
];

/** One malloc arena instead of one per thread, and free pages go back to the kernel: 1.5 MB of an idle sidecar. */
export const sidecarEnvironment: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_TRIM_THRESHOLD_: "131072",
};
