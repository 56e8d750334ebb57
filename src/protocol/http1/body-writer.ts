/** Byte gear. Frames an outgoing body, and holds it to the length that its head announced. */
import type { ByteWriter } from "../byte-writer.ts";
import type { HeaderList } from "../exchange.ts";
import type { HeadWriter } from "./head-writer.ts";

const byLength = 0;
const byChunks = 1;
/** As it is: until the connection closes, or after a protocol switch. */
const asItIs = 2;
/** To HEAD, or with 204 and 304: an owner may offer a body all the same, and it has no place on the wire. */
const dropped = 3;

/** Enough for the largest size line: 13 digits and CRLF, and the CRLF behind the data. */
const chunkOverhead = 17;
/** Copied by hand up to here: a call into the runtime costs more than so few bytes. */
const smallChunk = 48;

export class BodyWriter {
  readonly #out: ByteWriter;
  #mode = byLength;
  #remaining = 0;

  constructor(out: ByteWriter) {
    this.#out = out;
  }

  beginLength(length: number): void {
    this.#mode = byLength;
    this.#remaining = length;
  }

  beginChunked(): void {
    this.#mode = byChunks;
  }

  beginAsItIs(): void {
    this.#mode = asItIs;
  }

  beginDropped(): void {
    this.#mode = dropped;
  }

  /** Gives false, with nothing written, when the body does not have the announced length. */
  write(chunk: Uint8Array, end: boolean): boolean {
    if (this.#mode === byLength) {
      if (chunk.length > this.#remaining) return false;
      if (end && chunk.length < this.#remaining) return false;
      this.#remaining -= chunk.length;
      appendChunk(this.#out, chunk);
      return true;
    }
    if (this.#mode === asItIs) {
      appendChunk(this.#out, chunk);
      return true;
    }
    if (this.#mode === dropped) return true;
    if (chunk.length > 0) this.#writeChunk(chunk);
    if (end) this.#out.appendLatin1("0\r\n\r\n");
    return true;
  }

  /** Ends the body; trailers are dropped where the framing has no place for them (RFC 9110 6.5.1). */
  writeTrailers(headers: HeaderList, head: HeadWriter): boolean {
    if (this.#mode === byLength) return this.#remaining === 0;
    if (this.#mode !== byChunks) return true;
    head.start();
    head.fixed("0\r\n");
    head.lines(headers, true);
    head.fixed("\r\n");
    return head.finish() > 0;
  }

  #writeChunk(chunk: Uint8Array): void {
    const out = this.#out;
    out.reserve(chunk.length + chunkOverhead);
    const buffer = out.buffer;
    let at = out.length;
    const size = chunk.length;
    let shift = 0;
    while (size >>> shift > 15) shift += 4;
    for (; shift >= 0; shift -= 4) {
      const digit = (size >>> shift) & 15;
      buffer[at++] = digit < 10 ? 0x30 + digit : 0x57 + digit;
    }
    buffer[at++] = 0x0d;
    buffer[at++] = 0x0a;
    out.length = at;
    appendChunk(out, chunk);
    at = out.length;
    buffer[at] = 0x0d;
    buffer[at + 1] = 0x0a;
    out.length = at + 2;
  }
}

function appendChunk(out: ByteWriter, chunk: Uint8Array): void {
  if (chunk.length > smallChunk) {
    out.append(chunk);
    return;
  }
  out.reserve(chunk.length);
  const buffer = out.buffer;
  let at = out.length;
  for (let index = 0; index < chunk.length; index += 1) buffer[at++] = chunk[index] as number;
  out.length = at;
}
