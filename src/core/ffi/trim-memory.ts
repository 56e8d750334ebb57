/** Gives back to the kernel what the C library keeps for the next allocation. */

let trim: ((keep: bigint) => number) | undefined;

/**
 * Of every page that holds nothing, wherever it lies; by itself the library looks at the end of its memory only, and
 * one small block there that a connection holds keeps all below it. Costs a millisecond for ten megabytes.
 */
export function trimMemory(): void {
  trim ??= load();
  trim(0n);
}

/** Only glibc has it: with another library nothing is kept that could be given back. */
function load(): (keep: bigint) => number {
  const { dlopen } = process.getBuiltinModule("node:ffi");
  try {
    const malloc_trim = { return: "i32", arguments: ["u64"] } as const;
    return dlopen(null, { malloc_trim }).functions.malloc_trim;
  } catch {
    return () => 0;
  }
}
