/** Bytes that anyone can make and check without holding them all: the same megabyte over and over. */
import { createHash } from "node:crypto";

const blockSize = 64 * 1024;
// A prime-length run, so that a lost or doubled piece of any power of two changes what follows.
const block = Buffer.alloc(blockSize * 2, Buffer.from(Array.from({ length: 251 }, (_, n) => n)));

/** Pieces that together have exactly `size` bytes; valid until the next one is asked for. */
export function* patternChunks(size: number): Generator<Buffer> {
  for (let sent = 0; sent < size; sent += blockSize) {
    const start = sent % 251;
    yield block.subarray(start, start + Math.min(blockSize, size - sent));
  }
}

/** The SHA-256 of `size` pattern bytes, in hex. */
export function patternDigest(size: number): string {
  const hash = createHash("sha256");
  for (const chunk of patternChunks(size)) hash.update(chunk);
  return hash.digest("hex");
}
