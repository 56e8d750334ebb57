/** How Node must be started for a sidecar, wherever it is started: by the runner, by a pod's spec, by the bench. */

/**
 * `gc` is used when the sidecar is quiet (src/proxy/status/memory.ts). FFI is stable enough for the two calls that need it. Sparkplug's
 * code is as fast as the interpreter's for what runs seldom, soon replaced for what runs often, and a megabyte in between.
 * Pretenuring puts what lived long once where only a full collection looks; behind a burst of connections that is every exchange.
 * `memoryLimit` is the container's, in bytes.
 */
export function sidecarNodeFlags(memoryLimit: number = Number.POSITIVE_INFINITY): string[] {
  return [
    "--disable-warning=ExperimentalWarning",
    ...heapFlags(memoryLimit),
    "--expose-gc",
    "--no-sparkplug",
    "--no-allocation-site-pretenuring",
  ];
}

/** Megabytes: enough for a thousand busy connections, and what the least work needs. */
const largestHeap = 48;
const smallestHeap = 24;

/**
 * Uncapped, V8 sizes its heap by the machine and is killed in a small container by buffer churn alone. A busy sidecar takes
 * about 25 MB beside its heap, so the heap may have half of a small container. There V8 keeps
 * less for what is young, four megabytes instead of seven, so that the rest is not full before load is shed.
 */
function heapFlags(memoryLimit: number): string[] {
  const heap = Math.max(smallestHeap, Math.floor(memoryLimit / 2 ** 21));
  if (heap >= largestHeap) return [`--max-heap-size=${largestHeap}`];
  return [`--max-heap-size=${heap}`, "--max-semi-space-size=1"];
}

/** The init container's program ends before its heap could grow. */
export const initNodeFlags: readonly string[] = ["--disable-warning=ExperimentalWarning"];

/** One malloc arena instead of one per thread, and free pages go back to the kernel: 1.5 MB of an idle sidecar. */
export const sidecarEnvironment: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_TRIM_THRESHOLD_: "131072",
};

/** The image's folder of programs; V8's compiled code of them is in its folder `cache` (image/fill.ts). */
export const imageFolder = "/opt/remora";

/** Not the sidecar: docs/decisions.md tells why. */
export type ImageProgram = "init" | "identity" | "control" | "injector";

/**
 * What the runtime lets a program of the image do, beyond what the container does: no child process, no thread, no file
 * but these. FFI can go around it, so only those get it that ask the kernel what Node has no call for.
 */
export function permissionFlags(program: ImageProgram, folder: string = imageFolder): string[] {
  const { read, write, ffi } = permissions[program];
  return [
    "--permission",
    "--allow-net",
    ...(ffi ? ["--allow-ffi", "--disable-warning=PERM0003"] : []),
    ...[folder, ...read].map((path) => `--allow-fs-read=${path}`),
    // Without the right to write there Node does not even read it; the container's file system is read-only.
    ...[`${folder}/cache`, ...write].map((path) => `--allow-fs-write=${path}`),
  ];
}

interface Permissions {
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly ffi: boolean;
}

const secrets = "/var/run/secrets";
/** Memory is read where the kernel tells it: of the process, and of its control group. */
const kernel: readonly string[] = ["/proc", "/sys/fs/cgroup"];

const permissions: Readonly<Record<ImageProgram, Permissions>> = {
  init: { read: kernel, write: [], ffi: true },
  identity: { read: [secrets, ...kernel], write: [], ffi: false },
  control: { read: [secrets, ...kernel], write: [], ffi: false },
  injector: { read: [secrets, ...kernel], write: [], ffi: false },
};
