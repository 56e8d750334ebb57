/** How much of what the process may have is in use: V8's heap, the container's memory, descriptors. */
import { getHeapStatistics } from "node:v8";
import { trimMemory } from "../../core/ffi/trim-memory.ts";
import { type ContainerMemory, openContainerMemory } from "./container-memory.ts";
import { openDescriptorLimit } from "./descriptor-limit.ts";

/** What is in use. */
export interface MemoryShares {
  /** Of what V8 may take. */
  readonly heap: number;
  /** Of the container's memory; 0 when it has no limit. */
  readonly container: number;
}

/** Where the readings come from; a test gives its own. */
export interface Resources {
  /** Only `fresh` is the container's share what the kernel counts now, else an estimate. */
  measure(fresh: boolean): MemoryShares;
  /** What V8 may take, in bytes. */
  readonly heapLimit: number;
  /** Garbage out of the heap, and what is free back to the kernel. */
  collect(): void;
  /** How many descriptors the process may have now; undefined when that cannot be seen. */
  descriptorLimit(): number | undefined;
}

/** Measurements between two reads of the kernel's count, which cost 50 µs each. */
export const measurementsPerRead = 16;

/** What V8 counts, in bytes. */
export type HeapStatistics = Pick<
  ReturnType<typeof getHeapStatistics>,
  "used_heap_size" | "total_heap_size" | "external_memory" | "heap_size_limit"
>;

/** The process itself, for as long as it lives; `readContainer` is undefined where no container has a limit. */
export function processResources(
  readContainer: (() => ContainerMemory) | undefined = openContainerMemory(),
  readHeap: () => HeapStatistics = getHeapStatistics,
): Resources {
  let measurements = 0;
  let container: ContainerMemory = { used: 0, limit: Number.POSITIVE_INFINITY };
  let takenThen = 0;
  return {
    heapLimit: readHeap().heap_size_limit,
    measure(fresh) {
      const statistics = readHeap();
      const heap = statistics.used_heap_size / statistics.heap_size_limit;
      if (readContainer === undefined) return { heap, container: 0 };
      measurements += 1;
      // A burst takes more between two reads than is left: heads into the heap, and bodies into buffers beside it.
      const taken = statistics.total_heap_size + statistics.external_memory;
      if (fresh || measurements % measurementsPerRead === 0) {
        container = readContainer();
        takenThen = taken;
      }
      const used = container.used + Math.max(0, taken - takenThen);
      return { heap, container: used / container.limit };
    },
    collect() {
      globalThis.gc?.();
      trimMemory();
    },
    descriptorLimit: openDescriptorLimit(),
  };
}
