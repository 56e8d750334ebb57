/** Byte gear. Writes protobuf messages field by field: the sidecar's share of protobuf. Defaults are left out. */

/** Collects one message; `take` gives its bytes. */
export class WireWriter {
  #bytes: Buffer = Buffer.allocUnsafe(256);
  #length = 0;

  string(field: number, text: string): this {
    return text === "" ? this : this.bytes(field, Buffer.from(text, "utf8"));
  }

  /** Every string, the empty ones included. */
  strings(field: number, texts: Iterable<string>): this {
    for (const text of texts) this.#chunk(field, Buffer.from(text, "utf8"));
    return this;
  }

  bytes(field: number, bytes: Uint8Array): this {
    return bytes.length === 0 ? this : this.#chunk(field, bytes);
  }

  /** A whole number from 0 to 2^53 - 1. */
  uint(field: number, value: number): this {
    if (value === 0) return this;
    this.#varint(field * 8);
    return this.#varint(value);
  }

  bool(field: number, value: boolean): this {
    return this.uint(field, value ? 1 : 0);
  }

  /** An embedded message, written even when it is empty. */
  message(field: number, write: (writer: WireWriter) => void): this {
    const inner = new WireWriter();
    write(inner);
    return this.#chunk(field, inner.take());
  }

  /** One entry of a map<string, string>. */
  entry(field: number, key: string, value: string): this {
    return this.message(field, (entry) => void entry.string(1, key).string(2, value));
  }

  /** The message; the writer is empty afterwards. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = Buffer.allocUnsafe(0);
    this.#length = 0;
    return taken;
  }

  #chunk(field: number, bytes: Uint8Array): this {
    this.#varint(field * 8 + 2);
    this.#varint(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  #varint(value: number): this {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
    return this;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
