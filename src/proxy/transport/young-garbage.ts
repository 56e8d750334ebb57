/**
 * Collects what reading leaves behind. Heads that come in pieces are copied until they are whole, into memory beside V8's
 * heap, and V8 collects what is young only when the heap itself fills: hundreds of connections that are read in one
 * turn left more than a small container has.
 */
import { getHeapStatistics } from "node:v8";

/** Bytes received between two looks, which cost 3 µs each. */
export const receivedPerLook: number = 1024 * 1024;

/** Bytes beside the heap, more than at the last collection, that are worth one of what is young: half a millisecond. */
export const maxYoungGarbage: number = 4 * 1024 * 1024;

export interface YoungMemory {
  /** Bytes that V8 holds beside its heap, dead ones among them. */
  outside(): number;
  collectYoung(): void;
}

/** To be called once in `receivedPerLook` bytes. */
export function createYoungGarbage(memory: YoungMemory = processMemory): () => void {
  let base = 0;
  /** V8 takes what it has freed off its count when it next allocates, not at once. */
  let collected = true;
  return () => {
    const outside = memory.outside();
    if (collected || outside < base) base = outside;
    collected = outside - base > maxYoungGarbage;
    if (collected) memory.collectYoung();
  };
}

const processMemory: YoungMemory = {
  outside: () => getHeapStatistics().external_memory,
  collectYoung: () => globalThis.gc?.({ type: "minor" }),
};
