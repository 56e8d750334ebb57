/** Byte gear. Reads protobuf messages field by field, without descriptors: the sidecar's share of protobuf. */

/** The bytes are not a protobuf message. */
export class WireError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "WireError";
  }
}

const varintType = 0;
const fixed64Type = 1;
const lengthType = 2;
const fixed32Type = 5;
const shortLength = 64;

/**
 * `while (reader.next()) switch (reader.field) { case 1: name = reader.string(); }`: a value that is not asked for is
 * skipped by the following `next`. Asking for a value of another wire type than the field has throws a WireError.
 */
export class WireReader {
  /** Number of the field whose value comes next. */
  field = 0;
  #type = -1;
  #at = 0;
  /** The low 32 bits of the last number. */
  #low = 0;
  readonly #end: number;
  readonly #bytes: Buffer;

  /** What is outside of `from` and `to` is not read. */
  constructor(bytes: Uint8Array, from = 0, to: number = bytes.byteLength) {
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = from;
    this.#end = to;
  }

  /** Moves to the next field; false at the end of the message. */
  next(): boolean {
    if (this.#type >= 0) this.#skip();
    if (this.#at >= this.#end) return false;
    const tag = this.#varint();
    this.field = Math.floor(tag / 8);
    this.#type = tag % 8;
    if (this.field === 0 || tag > 0xffff_ffff) throw new WireError("field number out of range");
    return true;
  }

  /** An unsigned 32-bit integer or an enum value; longer values are cut as protobuf demands. */
  uint32(): number {
    this.#expect(varintType);
    this.#varint();
    return this.#low;
  }

  bool(): boolean {
    this.#expect(varintType);
    return this.#varint() !== 0;
  }

  /** Appends the values of a repeated uint32, in its packed or its plain form. */
  uint32s(into: number[]): void {
    if (this.#type === varintType) {
      into.push(this.uint32());
      return;
    }
    const end = this.#length() + this.#at;
    while (this.#at < end) {
      this.#varint();
      into.push(this.#low);
    }
    if (this.#at !== end) throw new WireError("packed numbers do not end at their length");
  }

  /** UTF-8 text; malformed sequences are refused (proto3 strings). */
  string(): string {
    const length = this.#length();
    const start = this.#at;
    this.#at += length;
    if (this.#isShortAscii(start)) return this.#bytes.toString("latin1", start, this.#at);
    try {
      return utf8.decode(this.#bytes.subarray(start, this.#at));
    } catch (error) {
      throw Object.assign(new WireError("string is not UTF-8"), { cause: error });
    }
  }

  /** A view of the input, valid as long as the input is. */
  bytes(): Uint8Array {
    const length = this.#length();
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  /** A reader of the embedded message. It has no view of its own: ten thousand rules would need a hundred thousand. */
  message(): WireReader {
    const length = this.#length();
    const start = this.#at;
    this.#at += length;
    return new WireReader(this.#bytes, start, this.#at);
  }

  /** Most strings are short names: to look at their bytes costs less than a decoder and its view. */
  #isShortAscii(start: number): boolean {
    if (this.#at - start > shortLength) return false;
    for (let at = start; at < this.#at; at += 1) if ((this.#bytes[at] ?? 0) >= 0x80) return false;
    return true;
  }

  #length(): number {
    this.#expect(lengthType);
    const length = this.#varint();
    if (length > this.#end - this.#at) throw new WireError("value is longer than its message");
    return length;
  }

  #expect(type: number): void {
    if (this.#type !== type) {
      throw new WireError(`field ${this.field} has wire type ${this.#type} instead of ${type}`);
    }
    this.#type = -1;
  }

  /** Exact up to 2^53, which is enough for lengths and tags; `#low` is always exact. */
  #varint(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= this.#end) throw new WireError("message ends inside a number");
      const byte = this.#bytes[this.#at++] ?? 0;
      if (shift < 28) low |= (byte & 0x7f) << shift;
      else if (shift === 28) {
        low |= (byte & 0x0f) << 28;
        high = (byte & 0x70) >> 4;
      } else if (shift < 63) high |= (byte & 0x7f) << (shift - 32);
      if (byte < 0x80) {
        this.#low = low >>> 0;
        return this.#low + (high >>> 0) * 0x1_0000_0000;
      }
    }
    throw new WireError("number is longer than ten bytes");
  }

  #skip(): void {
    const type = this.#type;
    if (type === lengthType) {
      const length = this.#length();
      this.#at += length;
      return;
    }
    this.#type = -1;
    if (type === varintType) this.#varint();
    else if (type === fixed64Type) this.#at += 8;
    else if (type === fixed32Type) this.#at += 4;
    // Groups (3 and 4) have been out of the language since proto3.
    else throw new WireError(`wire type ${type} is not known`);
    if (this.#at > this.#end) throw new WireError("value is longer than its message");
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
