/**
 * The judge knows nothing of `remora-dst`, so this adds it to each of its header blocks, and leaves every other byte as
 * the judge wrote it: broken frames stay as broken as they were.
 */
const frameHeader = 9;
const prefaceLength = 24;
const headers = 0x1;
const continuation = 0x9;
const endHeaders = 0x4;
const padded = 0x8;
const maxFrame = 16_384;

export class DestinationAdder {
  readonly #addition: Buffer;
  #rest = Buffer.alloc(0);
  #inPreface = true;
  #opaque = false;

  constructor(destination: string) {
    // HPACK: literal without indexing, new name (RFC 7541 6.2.2), both strings as they are.
    this.#addition = Buffer.concat([Buffer.from([0]), literal("remora-dst"), literal(destination)]);
  }

  /** Gives what can be sent on now. */
  push(chunk: Buffer): Buffer {
    if (this.#opaque) return chunk;
    const bytes = Buffer.concat([this.#rest, chunk]);
    const out: Buffer[] = [];
    let at = 0;
    if (this.#inPreface) {
      if (
        bytes.length < prefaceLength &&
        "PRI * HTTP/2.0".startsWith(bytes.toString("latin1", 0, 14))
      ) {
        this.#rest = bytes;
        return Buffer.alloc(0);
      }
      this.#inPreface = false;
      // Not a preface: a case about a wrong one.
      if (bytes.toString("latin1", 0, 3) !== "PRI") this.#opaque = true;
      at = Math.min(prefaceLength, bytes.length);
      out.push(bytes.subarray(0, at));
    }
    while (!this.#opaque && bytes.length - at >= frameHeader) {
      const length = bytes.readUIntBE(at, 3);
      const end = at + frameHeader + length;
      if (length > maxFrame) this.#opaque = true;
      else if (end > bytes.length) break;
      else {
        out.push(...this.#frame(bytes.subarray(at, end), length));
        at = end;
      }
    }
    this.#rest = bytes.subarray(at);
    return this.#opaque ? Buffer.concat([...out, this.flush()]) : Buffer.concat(out);
  }

  /** What was held back for a frame that never became whole. */
  flush(): Buffer {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest;
  }

  #frame(frame: Buffer, length: number): Buffer[] {
    const type = frame[3];
    const flags = frame[4] ?? 0;
    const ends = (type === headers || type === continuation) && (flags & endHeaders) !== 0;
    const isPadded = type === headers && (flags & padded) !== 0;
    if (!ends || isPadded || length + this.#addition.length > maxFrame) return [frame];
    const copy = Buffer.from(frame);
    copy.writeUIntBE(length + this.#addition.length, 0, 3);
    return [copy, this.#addition];
  }
}

function literal(text: string): Buffer {
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text, "latin1")]);
}
