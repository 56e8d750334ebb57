/**
 * Encodes DER values from the inside out. A sidecar builds one certificate request per renewal with it; loading
 * forge's encoder for those 250 bytes would cost every pod 0.6 MB. The CA builds certificates with forge.
 */

/** One value: its tag, its length in the shortest form, and the parts one after another. */
export function encodeDer(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([encodeHeader(tag, length), ...parts]);
}

function encodeHeader(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.from([tag, length]);
  if (length < 0x100) return Buffer.from([tag, 0x81, length]);
  if (length < 0x1_0000) return Buffer.from([tag, 0x82, length >> 8, length & 0xff]);
  throw new RangeError(`a value of ${length} bytes is larger than any that is built here`);
}
