/** Byte gear. A growing buffer that an engine appends to and a transport empties once per turn of the loop. */

import { type BufferLender, ownBuffers } from "./buffer-pool.ts";

export interface ByteWriter {
  /** Valid until the next `reserve`; bytes `[0, length)` are waiting to be sent. */
  buffer: Buffer;
  length: number;
  /** Makes `buffer.length - length >= bytes`, keeping what is there. */
  reserve(bytes: number): void;
  /** Appends a copy of the chunk. */
  append(chunk: Uint8Array): void;
  /** Appends text, one byte per character (U+0000 to U+00FF). */
  appendLatin1(text: string): void;
  /** Takes the buffer with what is there out of the writer; the whole buffer belongs to the caller. */
  take(): Buffer;
}

const initialSize = 4_096;

/** Makes an empty writer that borrows from the pool; without one it makes its own buffers. */
export function createByteWriter(pool: BufferLender = ownBuffers): ByteWriter {
  return new GrowingWriter(pool);
}

class GrowingWriter implements ByteWriter {
  buffer: Buffer = empty;
  length = 0;
  readonly #pool: BufferLender;
  /** About what was taken last: a connection in the middle of a long body does not grow from small each time. */
  #expected = initialSize;

  constructor(pool: BufferLender) {
    this.#pool = pool;
  }

  reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.buffer.length) return;
    const old = this.buffer;
    const grown = this.#pool.take(Math.max(needed, old.length * 2, this.#expected));
    if (this.length > 0) old.copy(grown, 0, 0, this.length);
    this.buffer = grown;
    if (old.length > 0) this.#pool.give(old);
  }

  append(chunk: Uint8Array): void {
    this.reserve(chunk.length);
    this.buffer.set(chunk, this.length);
    this.length += chunk.length;
  }

  appendLatin1(text: string): void {
    this.reserve(text.length);
    this.length += this.buffer.write(text, this.length, "latin1");
  }

  take(): Buffer {
    const taken = this.buffer.subarray(0, this.length);
    this.#expected = Math.max(this.length, this.#expected >> 1, initialSize);
    this.buffer = empty;
    this.length = 0;
    return taken;
  }
}

const empty = Buffer.alloc(0);
