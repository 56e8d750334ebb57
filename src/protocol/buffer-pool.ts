/** Byte gear. Memory for what is about to be sent: borrowed for one turn, given back when the kernel has taken it. */

export interface BufferLender {
  /** A buffer of at least so many bytes, with any content. */
  take(bytes: number): Buffer;
  /** Gives back what `take` gave; the caller must not touch it again. */
  give(buffer: Buffer): void;
}

export interface BufferPool extends BufferLender {
  /** Drops what nobody borrows. */
  clear(): void;
}

/** The smallest class holds a response with a small body, the largest what one turn of a busy mesh connection sends. */
const smallestBits = 12;
const largestBits = 20;

/** What may lie idle. A sidecar under load borrows less at once; above it the collector does what it can. */
const maxIdleBytes = 2 * 1024 * 1024;

/** For whoever is given no pool. */
export const ownBuffers: BufferLender = {
  take: (bytes) => Buffer.allocUnsafeSlow(bytes),
  give() {},
};

/** Keeps buffers in classes that double from 4 KiB to 1 MiB; larger ones are made and dropped. */
export function createBufferPool(): BufferPool {
  const idle: Buffer[][] = Array.from({ length: largestBits - smallestBits + 1 }, () => []);
  let idleBytes = 0;
  return {
    take(bytes) {
      const index = classOf(bytes);
      const known = idle[index]?.pop();
      if (known !== undefined) {
        idleBytes -= known.length;
        return known;
      }
      const size = index > largestBits - smallestBits ? bytes : 1 << (index + smallestBits);
      return Buffer.allocUnsafeSlow(size);
    },
    give(buffer) {
      const index = classOf(buffer.length);
      const list = idle[index];
      const fits = 1 << (index + smallestBits) === buffer.length;
      if (list === undefined || !fits || idleBytes + buffer.length > maxIdleBytes) return;
      idleBytes += buffer.length;
      list.push(buffer);
    },
    clear() {
      for (const list of idle) list.length = 0;
      idleBytes = 0;
    },
  };
}

/** The index of the smallest class that is large enough. */
function classOf(bytes: number): number {
  return Math.max(0, 32 - Math.clz32(bytes - 1) - smallestBits);
}
