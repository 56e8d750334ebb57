/** Byte gear. HPACK decoding (RFC 7541): entries keep their strings and their verdict, so an indexed field costs nothing. */
import { classifyField, classifyName } from "../fields.ts";
import { decodeHuffman, maxDecodedLength } from "./huffman.ts";
import { DEFAULT_TABLE_SIZE, ENTRY_OVERHEAD, FIRST_DYNAMIC, STATIC_TABLE } from "./static-table.ts";

/** Hears of each field in order; `kind` is one of fields.ts. */
export interface FieldSink {
  /** It has more than it may hold, and drops what still comes. */
  readonly tooLarge: boolean;
  field(name: string, value: string, kind: number): void;
}

class TableEntry {
  readonly name: string;
  readonly value: string;
  readonly nameKind: number;
  readonly kind: number;

  constructor(name: string, value: string, nameKind: number, kind: number) {
    this.name = name;
    this.value = value;
    this.nameKind = nameKind;
    this.kind = kind;
  }
}

const staticEntries = STATIC_TABLE.map(([name, value]) => {
  const nameKind = classifyName(name);
  return new TableEntry(name, value, nameKind, classifyField(nameKind, value));
});

/** RFC 7541 4.2: one update after the table shrank and one after it grew again is all that a sender can need. */
const maxSizeUpdates = 2;
/** No length or index of a legal block is larger; keeps integer arithmetic within 32 bits. */
const maxInteger = 0x0fff_ffff;

/** The decoding half of one connection. After an error it must not be used again: its table is out of step. */
export class HpackDecoder {
  /** What the peer may choose at most: our SETTINGS_HEADER_TABLE_SIZE, but never less than what holds before its ack. */
  readonly #limit: number;
  #maxSize = DEFAULT_TABLE_SIZE;
  #size = 0;
  /** A ring: the newest entry stands before `#next`. */
  #ring: (TableEntry | undefined)[] = [];
  #next = 0;
  #count = 0;
  /** Where the last read integer or string ended. */
  #at = 0;
  #problem = "";

  constructor(tableSize: number = DEFAULT_TABLE_SIZE) {
    this.#limit = Math.max(DEFAULT_TABLE_SIZE, tableSize);
  }

  /** Bytes of the dynamic table as RFC 7541 4.1 counts them. */
  get tableSize(): number {
    return this.#size;
  }

  /** Decodes a whole header block; gives what is wrong with it as a COMPRESSION_ERROR, or an empty text. */
  decode(block: Buffer, start: number, end: number, sink: FieldSink): string {
    this.#at = start;
    this.#problem = "";
    let updates = 0;
    while (this.#at < end) {
      const byte = block[this.#at]!;
      if (byte >= 0x80) {
        if (sink.tooLarge && this.#skipReferences(block, end)) continue;
        const index = this.#integer(block, end, 0x7f);
        const entry = this.#entry(index);
        if (entry === undefined) return this.#problem || `no header table entry ${index}`;
        sink.field(entry.name, entry.value, entry.kind);
        updates = maxSizeUpdates;
      } else if (byte >= 0x20 && byte < 0x40) {
        if (updates === maxSizeUpdates) return "misplaced header table size update";
        updates += 1;
        const size = this.#integer(block, end, 0x1f);
        if (size > this.#limit) return `header table size ${size} above ${this.#limit}`;
        if (this.#problem !== "") return this.#problem;
        this.#maxSize = size;
        this.#evict(size);
      } else {
        if (!this.#literal(block, end, byte, sink)) return this.#problem;
        updates = maxSizeUpdates;
      }
    }
    return this.#problem;
  }

  /**
   * A reference changes no table, so that those that nobody wants are only counted off, a byte each: a block may hold a
   * hundred thousand. False when the next one is not there, or longer than a byte.
   */
  #skipReferences(block: Buffer, end: number): boolean {
    const known = Math.min(FIRST_DYNAMIC + this.#count, 0x7f);
    const start = this.#at;
    let at = start;
    while (at < end) {
      const index = block[at]! - 0x80;
      if (index <= 0 || index >= known) break;
      at += 1;
    }
    this.#at = at;
    return at > start;
  }

  #literal(block: Buffer, end: number, byte: number, sink: FieldSink): boolean {
    const indexed = byte >= 0x40;
    const index = this.#integer(block, end, indexed ? 0x3f : 0x0f);
    let name: string;
    let nameKind: number;
    if (index === 0) {
      if (this.#problem !== "") return false;
      name = this.#string(block, end);
      nameKind = classifyName(name);
    } else {
      const entry = this.#entry(index);
      if (entry === undefined) {
        this.#problem ||= `no header table entry ${index}`;
        return false;
      }
      name = entry.name;
      nameKind = entry.nameKind;
    }
    const value = this.#string(block, end);
    if (this.#problem !== "") return false;
    const kind = classifyField(nameKind, value);
    if (indexed) this.#insert(name, value, nameKind, kind);
    sink.field(name, value, kind);
    return true;
  }

  #entry(index: number): TableEntry | undefined {
    if (index < FIRST_DYNAMIC) return index > 0 ? staticEntries[index] : undefined;
    const age = index - FIRST_DYNAMIC;
    if (age >= this.#count) return undefined;
    return this.#ring[(this.#next - 1 - age) & (this.#ring.length - 1)];
  }

  #insert(name: string, value: string, nameKind: number, kind: number): void {
    const size = name.length + value.length + ENTRY_OVERHEAD;
    if (size > this.#maxSize) {
      // RFC 7541 4.4: not an error, it empties the table.
      this.#evict(0);
      return;
    }
    this.#evict(this.#maxSize - size);
    if (this.#count === this.#ring.length) this.#grow();
    this.#ring[this.#next] = new TableEntry(name, value, nameKind, kind);
    this.#next = (this.#next + 1) & (this.#ring.length - 1);
    this.#count += 1;
    this.#size += size;
  }

  #evict(room: number): void {
    const mask = this.#ring.length - 1;
    while (this.#size > room) {
      const oldest = (this.#next - this.#count) & mask;
      const entry = this.#ring[oldest]!;
      this.#size -= entry.name.length + entry.value.length + ENTRY_OVERHEAD;
      this.#ring[oldest] = undefined;
      this.#count -= 1;
    }
  }

  #grow(): void {
    const old = this.#ring;
    const ring: (TableEntry | undefined)[] = Array.from({ length: Math.max(16, old.length * 2) });
    for (let at = 0; at < old.length; at += 1) ring[at] = old[(this.#next + at) & (old.length - 1)];
    this.#next = old.length;
    this.#ring = ring;
  }

  /** RFC 7541 5.1; `mask` has the bits of the prefix. Gives 0 after a problem. */
  #integer(block: Buffer, end: number, mask: number): number {
    let at = this.#at;
    let value = block[at]! & mask;
    at += 1;
    if (value === mask) {
      let shift = 0;
      let byte: number;
      do {
        if (at >= end) return this.#fail("truncated header block");
        byte = block[at]!;
        at += 1;
        value += (byte & 0x7f) * 2 ** shift;
        shift += 7;
        if (value > maxInteger || shift > 35)
          return this.#fail("oversized integer in header block");
      } while (byte >= 0x80);
    }
    this.#at = at;
    return value;
  }

  #string(block: Buffer, end: number): string {
    if (this.#at >= end) {
      this.#fail("truncated header block");
      return "";
    }
    const coded = block[this.#at]! >= 0x80;
    const length = this.#integer(block, end, 0x7f);
    if (this.#problem !== "") return "";
    const start = this.#at;
    const stop = start + length;
    if (stop > end) {
      this.#fail("truncated header block");
      return "";
    }
    this.#at = stop;
    return coded ? this.#huffman(block, start, stop) : block.toString("latin1", start, stop);
  }

  #huffman(block: Buffer, start: number, stop: number): string {
    const room = maxDecodedLength(stop - start);
    const scratch = room <= shared.length ? shared : Buffer.allocUnsafeSlow(room);
    const length = decodeHuffman(block, start, stop, scratch);
    if (length < 0) {
      this.#fail("bad Huffman code in header block");
      return "";
    }
    return scratch.toString("latin1", 0, length);
  }

  #fail(problem: string): number {
    this.#problem = problem;
    return 0;
  }
}

/** Huffman output on its way to a string; never holds anything between two calls. */
const shared = Buffer.allocUnsafeSlow(4_096);
