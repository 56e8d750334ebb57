/**
 * Netlink attributes (linux/netlink.h): length and type in host order, then the value, padded to four bytes. nf_tables
 * writes numbers in network order. Host order is little-endian on every machine that Node supports here.
 */

const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;
const headerSize = 4;

/** One attribute with its value as it is. */
export function attribute(type: number, value: Uint8Array): Buffer {
  const bytes = Buffer.alloc(align(headerSize + value.length));
  bytes.writeUInt16LE(headerSize + value.length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(value, headerSize);
  return bytes;
}

/** An attribute that holds attributes. */
export function nested(type: number, ...children: readonly Uint8Array[]): Buffer {
  return attribute(type | NLA_F_NESTED, Buffer.concat(children));
}

/** A string with the zero byte that the kernel wants at its end. */
export function textAttribute(type: number, text: string): Buffer {
  return attribute(type, Buffer.from(`${text}\0`));
}

/** A 32-bit number in network order; negative ones (priorities, verdicts) as two's complement. */
export function numberAttribute(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return attribute(type, bytes);
}

/** The attributes of a message by type; undefined when the bytes are cut or a length is impossible. */
export function decodeAttributes(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> | undefined {
  const list = decodeAttributeList(bytes);
  return list === undefined ? undefined : new Map(list.map((entry) => [entry.type, entry.value]));
}

/** The same in order, for lists whose elements have one type. */
export function decodeAttributeList(
  bytes: Uint8Array,
): readonly { readonly type: number; readonly value: Uint8Array }[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const list = [];
  let offset = 0;
  while (offset < bytes.length) {
    if (bytes.length - offset < headerSize) return undefined;
    const length = view.getUint16(offset, true);
    if (length < headerSize || offset + length > bytes.length) return undefined;
    const type = view.getUint16(offset + 2, true) & NLA_TYPE_MASK;
    list.push({ type, value: bytes.subarray(offset + headerSize, offset + length) });
    offset += align(length);
  }
  return list;
}

/** The number in an attribute made by `numberAttribute`; undefined when it is missing or not four bytes long. */
export function readNumber(value: Uint8Array | undefined): number | undefined {
  if (value?.length !== 4) return undefined;
  return new DataView(value.buffer, value.byteOffset, 4).getInt32(0);
}

/** The string in an attribute, without its zero byte. */
export function readText(value: Uint8Array | undefined): string | undefined {
  if (value === undefined) return undefined;
  return Buffer.from(value).toString("utf8").replace(/\0+$/, "");
}

/** Netlink aligns messages and attributes alike. */
export function align(length: number): number {
  return (length + 3) & ~3;
}
