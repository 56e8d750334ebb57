/** Byte gear. Copies of bytes that wait for flow control, in blocks, so that small chunks do not cost a buffer each. */
import { type BufferLender, ownBuffers } from "../buffer-pool.ts";
import type { ByteWriter } from "../byte-writer.ts";

/** Small writes fill one block; large ones get a block of their own size. */
const blockSize = 4_096;

export class ByteQueue {
  /** Bytes waiting. */
  length = 0;
  readonly #lender: BufferLender;
  #blocks: Buffer[] = [];
  /** Taken from the first block, and filled of the last. */
  #taken = 0;
  #filled = 0;

  constructor(lender: BufferLender = ownBuffers) {
    this.#lender = lender;
  }

  append(chunk: Uint8Array, from: number): void {
    let at = from;
    const last = this.#blocks.at(-1);
    if (last !== undefined && this.#filled < last.length) {
      const count = Math.min(last.length - this.#filled, chunk.length - at);
      last.set(chunk.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
    }
    if (at < chunk.length) {
      const count = chunk.length - at;
      const block = this.#lender.take(Math.max(blockSize, count));
      block.set(at === 0 ? chunk : chunk.subarray(at));
      this.#blocks.push(block);
      this.#filled = count;
    }
    this.length += chunk.length - from;
  }

  /** Moves the first `count` bytes, which are there, to `out`. */
  moveTo(out: ByteWriter, count: number): void {
    let left = count;
    this.length -= count;
    while (left > 0) {
      const block = this.#blocks[0]!;
      const stop = this.#blocks.length === 1 ? this.#filled : block.length;
      const taken = Math.min(left, stop - this.#taken);
      out.append(block.subarray(this.#taken, this.#taken + taken));
      this.#taken += taken;
      left -= taken;
      if (this.#taken === stop) {
        this.#blocks.shift();
        this.#lender.give(block);
        this.#taken = 0;
        if (this.#blocks.length === 0) this.#filled = 0;
      }
    }
  }

  /** Drops everything. */
  clear(): void {
    for (const block of this.#blocks) this.#lender.give(block);
    this.#blocks = [];
    this.length = 0;
    this.#taken = 0;
    this.#filled = 0;
  }
}
