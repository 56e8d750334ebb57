/** Byte gear. Bytes that arrived before they could be read: an incomplete head, or requests behind the current one. */

/** Grows by doubling, so that a peer who sends byte by byte costs linear time. */
export class HeldBytes {
  buffer: Buffer = none;
  start = 0;
  end = 0;

  get size(): number {
    return this.end - this.start;
  }

  append(chunk: Buffer, from: number): void {
    const added = chunk.length - from;
    if (this.end + added > this.buffer.length) this.#makeRoom(added);
    chunk.copy(this.buffer, this.end, from);
    this.end += added;
  }

  /** Forgets what stands before `position`; gives the memory back when nothing is left. */
  consumeTo(position: number): void {
    this.start = position;
    if (position === this.end) this.clear();
  }

  clear(): void {
    this.buffer = none;
    this.start = 0;
    this.end = 0;
  }

  #makeRoom(added: number): void {
    const size = this.size;
    const grown = Buffer.allocUnsafeSlow(Math.max(size + added, size * 2, smallest));
    this.buffer.copy(grown, 0, this.start, this.end);
    this.buffer = grown;
    this.start = 0;
    this.end = size;
  }
}

/** Most incomplete heads are completed by the next packet, so the first allocation is small. */
const smallest = 512;
const none = Buffer.alloc(0);
