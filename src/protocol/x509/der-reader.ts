/**
 * A cursor over DER (X.690), for certificates and requests that strangers sent. It allocates one small object per
 * constructed value that is entered, copies nothing, never recurses, and refuses every form that DER forbids, so its
 * cost is bounded by the input's length. forge's decoder builds a tree of the whole input and costs a sidecar 0.6 MB.
 */

/** The bytes are not the DER that the caller asked for. */
export class DerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "DerError";
  }
}

/** X.690 tag bytes of the values that X.509 uses. */
export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const;

/** Reads values one after another from `[start, end)` of the buffer. */
export class DerReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get atEnd(): boolean {
    return this.#at === this.#end;
  }

  /** The tag of the next value, or undefined at the end. */
  peek(): number | undefined {
    return this.atEnd ? undefined : this.#bytes[this.#at];
  }

  /** Enters the next value, which must have this tag. */
  enter(tag: number): DerReader {
    const start = this.#skipHeader(tag);
    const end = this.#at;
    return new DerReader(this.#bytes, start, end);
  }

  /** Enters the next value when it has this tag. */
  enterOptional(tag: number): DerReader | undefined {
    return this.peek() === tag ? this.enter(tag) : undefined;
  }

  /** The content of the next value, which must have this tag. */
  content(tag: number): Buffer {
    const start = this.#skipHeader(tag);
    return this.#bytes.subarray(start, this.#at);
  }

  /** The next value with its tag and length. */
  whole(tag: number): Buffer {
    const start = this.#at;
    this.#skipHeader(tag);
    return this.#bytes.subarray(start, this.#at);
  }

  /** Passes over the next value, whatever it is; gives its tag. */
  skip(): number {
    const tag = this.peek();
    if (tag === undefined) throw new DerError("value missing");
    this.#skipHeader(tag);
    return tag;
  }

  /** An object identifier's content in hexadecimal: cheap to compare, never decoded to numbers. */
  oid(): string {
    return this.content(derTag.objectIdentifier).toString("hex");
  }

  boolean(): boolean {
    const value = this.content(derTag.boolean);
    if (value.length !== 1 || (value[0] !== 0 && value[0] !== 0xff)) {
      throw new DerError("boolean is neither 00 nor ff");
    }
    return value[0] === 0xff;
  }

  /** The bytes of a bit string without unused bits. */
  bitString(): Buffer {
    const value = this.content(derTag.bitString);
    if (value[0] !== 0) throw new DerError("bit string with unused bits");
    return value.subarray(1);
  }

  /** The bytes of an integer in two's complement, in its shortest form (X.690 8.3.2). */
  integer(): Buffer {
    const value = this.content(derTag.integer);
    const [first, second] = value;
    if (first === undefined) throw new DerError("empty integer");
    if (
      second !== undefined &&
      ((first === 0 && second < 0x80) || (first === 0xff && second > 0x7f))
    )
      throw new DerError("integer with needless bytes");
    return value;
  }

  /** Throws unless everything was read: trailing bytes are where two parsers come to differ. */
  finish(): void {
    if (!this.atEnd) throw new DerError("bytes after the last value");
  }

  /** Moves past one value and gives the offset of its content. */
  #skipHeader(tag: number): number {
    const bytes = this.#bytes;
    if (this.#at + 2 > this.#end) throw new DerError("value cut short");
    if (bytes[this.#at] !== tag || (tag & 0x1f) === 0x1f) throw new DerError("unexpected tag");
    let length = bytes[this.#at + 1] ?? 0;
    let start = this.#at + 2;
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count === 0 || count > 3 || start + count > this.#end) throw new DerError("bad length");
      length = bytes.readUIntBE(start, count);
      // X.690 10.1: the shortest form of the length only.
      if (length < 0x80 || length < 2 ** (8 * (count - 1)))
        throw new DerError("length not minimal");
      start += count;
    }
    if (length > this.#end - start) throw new DerError("value cut short");
    this.#at = start + length;
    return start;
  }
}
