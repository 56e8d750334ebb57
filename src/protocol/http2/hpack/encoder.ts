/** Byte gear. HPACK encoding (RFC 7541): a repeated field leaves as one byte, found by its name and by identity of its value. */
import type { ByteWriter } from "../../byte-writer.ts";
import { encodeHuffman, huffmanLength } from "./huffman.ts";
import { DEFAULT_TABLE_SIZE, ENTRY_OVERHEAD, FIRST_DYNAMIC, STATIC_TABLE } from "./static-table.ts";

/** Entered into the table when first seen. */
const policyIndex = 0;
/** Entered when its value comes a second time while the first is remembered: values that mostly never return. */
const policySecondSight = 1;
/** Never entered, and marked so that no hop after us does (RFC 7541 7.1.3). */
const policySensitive = 2;
/** Belongs to one HTTP/1 connection, or has its place outside the list: never leaves. */
const policyDrop = 3;

/**
 * Secrets must not be guessable from compressed lengths by somebody who shares the connection, and a mesh connection
 * is shared by all that an app does. Cookies are per user anyway and would only push others out.
 */
const sensitiveNames = ["authorization", "proxy-authorization", "cookie", "set-cookie"];
/** One value per request or per second: worth an entry only if it does come back. */
const volatileNames = [
  ":path",
  "age",
  "content-length",
  "content-range",
  "date",
  "etag",
  "expires",
  "grpc-message",
  "grpc-timeout",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "last-modified",
  "link",
  "location",
  "range",
  "referer",
  "traceparent",
  "tracestate",
  "x-b3-spanid",
  "x-b3-traceid",
  "x-envoy-upstream-service-time",
  "x-forwarded-for",
  "x-request-id",
];
const droppedNames = [
  "connection",
  "host",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
];
/** How many values of one name are remembered; a linear search over more would cost more than a literal. */
const valuesPerName = 8;
/** After so many new values of one name without a repeat, it is treated as volatile. */
const churnLimit = 8;
/** A longer value is not remembered while it waits for its second sight. */
const maxRememberedValue = 256;

class NameSlot {
  readonly name: string;
  /** Index of the name in the static table, or 0. */
  readonly staticIndex: number;
  readonly policy: number;
  /** Values of the static table come first and stay. */
  readonly values: string[] = [];
  /** By value: minus the static index; the number of the dynamic entry, counted from 1; or 0, seen but not entered. */
  readonly ids: number[] = [];
  readonly fixed: number;
  cursor = 0;
  /** Number of the newest dynamic entry with this name. */
  newest = 0;
  /** Living dynamic entries. */
  live = 0;
  churn = 0;

  constructor(name: string, staticIndex: number, policy: number) {
    this.name = name;
    this.staticIndex = staticIndex;
    this.policy = policy;
    for (let index = staticIndex; STATIC_TABLE[index]?.[0] === name && index > 0; index += 1) {
      const value = STATIC_TABLE[index]![1];
      if (value === "") continue;
      this.values.push(value);
      this.ids.push(-index);
    }
    this.fixed = this.values.length;
  }

  remember(value: string, id: number): void {
    const at = this.fixed + this.cursor;
    this.values[at] = value;
    this.ids[at] = id;
    this.cursor = (this.cursor + 1) % valuesPerName;
  }
}

/** Names with a place in the static table or a policy of their own; every other name is `policyIndex`. */
const knownNames = new Map<string, { readonly staticIndex: number; readonly policy: number }>();
for (const name of [
  ...STATIC_TABLE.slice(1).map(([name]) => name),
  ...sensitiveNames,
  ...volatileNames,
  ...droppedNames,
]) {
  let policy = policyIndex;
  if (sensitiveNames.includes(name)) policy = policySensitive;
  else if (volatileNames.includes(name)) policy = policySecondSight;
  else if (droppedNames.includes(name)) policy = policyDrop;
  const staticIndex = Math.max(
    0,
    STATIC_TABLE.findIndex(([known]) => known === name),
  );
  knownNames.set(name, { staticIndex, policy });
}

export interface HpackEncoderOptions {
  /** Largest dynamic table we keep, whatever the peer allows; its bytes are held per connection. Default 4096. */
  readonly tableSize?: number | undefined;
  /** Huffman-code literals that get shorter by it. Off by default: it saves bytes that no pod network misses. */
  readonly huffman?: boolean | undefined;
}

/** The encoding half of one connection. What it has written must reach the peer, in order. */
export class HpackEncoder {
  readonly #ceiling: number;
  readonly #huffman: boolean;
  readonly #names = new Map<string, NameSlot>();
  #maxSize = DEFAULT_TABLE_SIZE;
  #size = 0;
  /** Entries ever made, and those of them that were evicted: the living ones are numbered between the two. */
  #inserted = 0;
  #evicted = 0;
  /** Rings of the living entries, indexed by their number. */
  #sizes: number[] = [];
  #slots: (NameSlot | undefined)[] = [];
  /** The smallest and the last size to announce with the next block; -1 when there is nothing to say. */
  #smallestUpdate = -1;
  #lastUpdate = -1;

  constructor(options: HpackEncoderOptions = {}) {
    this.#ceiling = options.tableSize ?? DEFAULT_TABLE_SIZE;
    this.#huffman = options.huffman ?? false;
    if (this.#ceiling < DEFAULT_TABLE_SIZE) this.setPeerLimit(DEFAULT_TABLE_SIZE);
  }

  get tableSize(): number {
    return this.#size;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE; takes effect with the next block (RFC 7541 4.2). */
  setPeerLimit(limit: number): void {
    const size = Math.min(limit, this.#ceiling);
    if (size === this.#maxSize && this.#lastUpdate < 0) return;
    this.#smallestUpdate = this.#smallestUpdate < 0 ? size : Math.min(this.#smallestUpdate, size);
    this.#lastUpdate = size;
    this.#maxSize = size;
    this.#evict(size);
  }

  /** Begins a header block. */
  begin(out: ByteWriter): void {
    if (this.#lastUpdate < 0) return;
    out.reserve(12);
    if (this.#smallestUpdate < this.#lastUpdate) {
      writeInteger(out, 0x20, 0x1f, this.#smallestUpdate);
    }
    writeInteger(out, 0x20, 0x1f, this.#lastUpdate);
    this.#smallestUpdate = -1;
    this.#lastUpdate = -1;
  }

  /** Appends one field of the block; names of one connection are left out. */
  field(out: ByteWriter, name: string, value: string): void {
    const slot = this.#names.get(name) ?? this.#makeSlot(name);
    const { values, ids } = slot;
    for (let at = 0; at < values.length; at += 1) {
      if (values[at] !== value) continue;
      const id = ids[at]!;
      if (id < 0) {
        writeIndex(out, -id);
      } else if (id > this.#evicted) {
        slot.churn = 0;
        writeIndex(out, FIRST_DYNAMIC + this.#inserted - id);
      } else {
        ids[at] = this.#insert(out, slot, value);
      }
      return;
    }
    this.#newValue(out, slot, value);
  }

  #newValue(out: ByteWriter, slot: NameSlot, value: string): void {
    const { policy } = slot;
    if (policy === policyDrop) return;
    if (policy === policySensitive) {
      this.#literal(out, slot, value, 0x10, 0x0f);
    } else if (policy === policySecondSight || slot.churn >= churnLimit) {
      if (value.length <= maxRememberedValue) slot.remember(value, 0);
      this.#literal(out, slot, value, 0x00, 0x0f);
    } else {
      slot.churn += 1;
      const id = this.#insert(out, slot, value);
      if (id > 0) slot.remember(value, id);
      else if (slot.live === 0) this.#forget(slot);
    }
  }

  /** Enters the field; gives its number, or 0 if it was too large to be worth the entries it would push out. */
  #insert(out: ByteWriter, slot: NameSlot, value: string): number {
    const size = slot.name.length + value.length + ENTRY_OVERHEAD;
    if (size > this.#maxSize >> 2) {
      this.#literal(out, slot, value, 0x00, 0x0f);
      return 0;
    }
    // The name may be taken from an entry that this one evicts: the decoder reads it before (RFC 7541 4.4).
    this.#literal(out, slot, value, 0x40, 0x3f);
    slot.live += 1;
    this.#evict(this.#maxSize - size);
    if (this.#inserted - this.#evicted === this.#sizes.length) this.#grow();
    this.#inserted += 1;
    const at = this.#inserted & (this.#sizes.length - 1);
    this.#sizes[at] = size;
    this.#slots[at] = slot;
    this.#size += size;
    slot.newest = this.#inserted;
    return this.#inserted;
  }

  #literal(out: ByteWriter, slot: NameSlot, value: string, pattern: number, mask: number): void {
    const { name } = slot;
    out.reserve(name.length + value.length + 18);
    if (slot.staticIndex > 0) {
      writeInteger(out, pattern, mask, slot.staticIndex);
    } else if (slot.newest > this.#evicted) {
      writeInteger(out, pattern, mask, FIRST_DYNAMIC + this.#inserted - slot.newest);
    } else {
      out.buffer[out.length] = pattern;
      out.length += 1;
      this.#string(out, name);
    }
    this.#string(out, value);
  }

  #string(out: ByteWriter, text: string): void {
    if (this.#huffman) {
      const length = huffmanLength(text);
      if (length < text.length) {
        writeInteger(out, 0x80, 0x7f, length);
        out.length = encodeHuffman(text, out.buffer, out.length);
        return;
      }
    }
    writeInteger(out, 0x00, 0x7f, text.length);
    if (text.length > longText) {
      out.appendLatin1(text);
      return;
    }
    const { buffer } = out;
    let at = out.length;
    for (let index = 0; index < text.length; index += 1) buffer[at++] = text.charCodeAt(index);
    out.length = at;
  }

  #evict(room: number): void {
    while (this.#size > room) {
      this.#evicted += 1;
      const at = this.#evicted & (this.#sizes.length - 1);
      const slot = this.#slots[at]!;
      this.#size -= this.#sizes[at]!;
      this.#slots[at] = undefined;
      slot.live -= 1;
      if (slot.live === 0) this.#forget(slot);
    }
  }

  /** Names that an app makes up must not pile up: a slot lives as long as its entries, unless the name is known. */
  #forget(slot: NameSlot): void {
    if (!knownNames.has(slot.name)) this.#names.delete(slot.name);
  }

  #makeSlot(name: string): NameSlot {
    const known = knownNames.get(name);
    const slot = new NameSlot(name, known?.staticIndex ?? 0, known?.policy ?? policyIndex);
    this.#names.set(name, slot);
    return slot;
  }

  #grow(): void {
    const size = Math.max(16, this.#sizes.length * 2);
    const sizes: number[] = Array.from({ length: size }, () => 0);
    const slots: (NameSlot | undefined)[] = Array.from({ length: size });
    for (let id = this.#evicted + 1; id <= this.#inserted; id += 1) {
      const from = id & (this.#sizes.length - 1);
      sizes[id & (size - 1)] = this.#sizes[from]!;
      slots[id & (size - 1)] = this.#slots[from];
    }
    this.#sizes = sizes;
    this.#slots = slots;
  }
}

/** From here on one call into C++ is cheaper than a loop. */
const longText = 32;

function writeIndex(out: ByteWriter, index: number): void {
  out.reserve(6);
  if (index < 0x7f) {
    out.buffer[out.length] = 0x80 | index;
    out.length += 1;
  } else {
    writeInteger(out, 0x80, 0x7f, index);
  }
}

/** RFC 7541 5.1; the caller made room for six bytes. */
function writeInteger(out: ByteWriter, pattern: number, mask: number, value: number): void {
  const { buffer } = out;
  let at = out.length;
  if (value < mask) {
    buffer[at] = pattern | value;
    out.length = at + 1;
    return;
  }
  buffer[at] = pattern | mask;
  at += 1;
  let rest = value - mask;
  while (rest >= 0x80) {
    buffer[at] = 0x80 | (rest & 0x7f);
    at += 1;
    rest >>>= 7;
  }
  buffer[at] = rest;
  out.length = at + 1;
}
