/** The plainest HPACK there is, for tests to compare the real one with: arrays, no index beyond a linear search. */
import { ENTRY_OVERHEAD, STATIC_TABLE } from "./static-table.ts";

export type NaiveField = readonly [name: string, value: string];

/** Both halves of RFC 7541 without Huffman coding on the way out, on one table of their own. */
export class NaiveTable {
  maxSize = 4_096;
  entries: NaiveField[] = [];

  get(index: number): NaiveField | undefined {
    return index < STATIC_TABLE.length ? STATIC_TABLE[index] : this.entries[index - 62];
  }

  find(name: string, value: string): number {
    const all = [...STATIC_TABLE, ...this.entries];
    return all.findIndex((entry, index) => index > 0 && entry[0] === name && entry[1] === value);
  }

  add(field: NaiveField): void {
    this.entries.unshift(field);
    while (this.size() > this.maxSize) this.entries.pop();
  }

  size(): number {
    return this.entries.reduce((sum, [n, v]) => sum + n.length + v.length + ENTRY_OVERHEAD, 0);
  }
}

/** Every field as it comes: indexed where the table has it, else a literal with indexing and a new name. */
export function naiveEncode(table: NaiveTable, fields: readonly NaiveField[]): Buffer {
  const bytes: number[] = [];
  for (const field of fields) {
    const index = table.find(...field);
    if (index > 0) {
      bytes.push(...naiveInteger(0x80, 7, index));
      continue;
    }
    bytes.push(0x40);
    for (const text of field) {
      bytes.push(...naiveInteger(0, 7, text.length), ...Buffer.from(text, "latin1"));
    }
    table.add(field);
  }
  return Buffer.from(bytes);
}

/** Decodes blocks without Huffman codes; throws where a block is not what the RFC allows. */
export function naiveDecode(table: NaiveTable, block: Buffer): NaiveField[] {
  const fields: NaiveField[] = [];
  let at = 0;
  const integer = (bits: number): number => {
    const mask = 2 ** bits - 1;
    let value = block[at++]! & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      const byte = block[at++]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  const text = (): string => {
    if (block[at]! >= 0x80) throw new Error("Huffman");
    const length = integer(7);
    at += length;
    return block.toString("latin1", at - length, at);
  };
  while (at < block.length) {
    const byte = block[at]!;
    if (byte >= 0x80) {
      fields.push(table.get(integer(7))!);
    } else if (byte >= 0x20 && byte < 0x40) {
      table.maxSize = integer(5);
      while (table.size() > table.maxSize) table.entries.pop();
    } else {
      const index = integer(byte >= 0x40 ? 6 : 4);
      const name = index === 0 ? text() : table.get(index)![0];
      const field: NaiveField = [name, text()];
      if (byte >= 0x40) table.add(field);
      fields.push(field);
    }
  }
  return fields;
}

function naiveInteger(pattern: number, bits: number, value: number): number[] {
  const mask = 2 ** bits - 1;
  if (value < mask) return [pattern | value];
  const bytes = [pattern | mask];
  let rest = value - mask;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return bytes;
}
