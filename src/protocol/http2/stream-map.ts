/**
 * Byte gear. Open streams by identifier, chained through the streams themselves. A Map that entries come into and leave is
 * rebuilt again and again, and each of its tables points to the next one: once one of them is in the old generation, all
 * later ones follow it there with the exchanges of their time, and only a full collection ends that.
 */
import type { Stream } from "./stream.ts";

/** A few connections with two hundred streams at most: chains stay short, and an idle connection light. A power of two. */
const chains = 32;

export class StreamMap {
  size = 0;
  readonly #first: (Stream | undefined)[] = Array.from({ length: chains }, () => undefined);

  get(streamId: number): Stream | undefined {
    let stream = this.#first[chainOf(streamId)];
    while (stream !== undefined && stream.id !== streamId) stream = stream.next;
    return stream;
  }

  /** The identifier must be new. */
  add(stream: Stream): void {
    const chain = chainOf(stream.id);
    stream.next = this.#first[chain];
    this.#first[chain] = stream;
    this.size += 1;
  }

  /** False when the stream is not there. */
  delete(stream: Stream): boolean {
    const chain = chainOf(stream.id);
    let before: Stream | undefined;
    let found = this.#first[chain];
    while (found !== undefined && found !== stream) {
      before = found;
      found = found.next;
    }
    if (found === undefined) return false;
    if (before === undefined) this.#first[chain] = stream.next;
    else before.next = stream.next;
    stream.next = undefined;
    this.size -= 1;
    return true;
  }

  /** A copy of what is there, the oldest first. */
  all(): Stream[] {
    const streams: Stream[] = [];
    for (const first of this.#first) {
      for (let stream = first; stream !== undefined; stream = stream.next) streams.push(stream);
    }
    return streams.sort((a, b) => a.id - b.id);
  }

  /** Gives all, and forgets them. */
  clear(): Stream[] {
    const streams = this.all();
    for (const stream of streams) stream.next = undefined;
    this.#first.fill(undefined);
    this.size = 0;
    return streams;
  }
}

/** The peer's identifiers go up in steps of two (RFC 9113 5.1.1). */
function chainOf(streamId: number): number {
  return (streamId >> 1) & (chains - 1);
}
