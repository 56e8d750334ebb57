/** Byte gear. The Huffman code of HPACK (RFC 7541 5.2 and Appendix B). */

/**
 * Length of each symbol's code; index 256 is EOS. The code is canonical (codes of one length follow each other in the
 * order of their symbols), so the lengths are the whole table of Appendix B.
 */
// biome-ignore format: sixteen symbols a line, as one reads a byte table.
const CODE_LENGTHS = Uint8Array.of(
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
);

const EOS = 256;
const LONGEST = 30;
const SHORTEST = 5;
/** Codes of up to this many bits (every letter, digit and common sign) are decoded by one look-up. */
const fastBits = 8;

/** The code of each symbol, right-aligned. */
const codes = new Uint32Array(257);
/** By the next eight bits: `symbol << 4 | length`, or 0 when the code is longer than that. */
const fast = new Uint16Array(1 << fastBits);
/** By length: the first code of that length, how many there are, and where their symbols stand in `ordered`. */
const firstCode = new Uint32Array(LONGEST + 1);
const codeCount = new Uint16Array(LONGEST + 1);
const firstSymbol = new Uint16Array(LONGEST + 1);
const ordered = new Uint16Array(257);

let nextCode = 0;
let placed = 0;
for (let length = SHORTEST; length <= LONGEST; length += 1) {
  nextCode *= 2;
  firstCode[length] = nextCode;
  firstSymbol[length] = placed;
  for (let symbol = 0; symbol <= EOS; symbol += 1) {
    if (CODE_LENGTHS[symbol] !== length) continue;
    if (length <= fastBits) {
      const first = nextCode << (fastBits - length);
      fast.fill((symbol << 4) | length, first, first + (1 << (fastBits - length)));
    }
    codes[symbol] = nextCode;
    ordered[placed] = symbol;
    nextCode += 1;
    placed += 1;
  }
  codeCount[length] = placed - firstSymbol[length]!;
}

/** The most bytes that `length` Huffman bytes can decode to. */
export function maxDecodedLength(length: number): number {
  return Math.floor((length * 8) / SHORTEST);
}

/**
 * Decodes `from[start, end)` into the beginning of `into`, which holds at least `maxDecodedLength` bytes. Gives the
 * number of bytes, or -1 where the RFC asks for a decoding error: an EOS, or padding that is not a prefix of it.
 */
export function decodeHuffman(
  from: Uint8Array,
  start: number,
  end: number,
  into: Uint8Array,
): number {
  let bits = 0;
  let held = 0;
  let at = start;
  let written = 0;
  for (;;) {
    if (held < fastBits && at < end) {
      bits = (bits << 8) | from[at]!;
      at += 1;
      held += 8;
    }
    const window =
      held >= fastBits ? bits >> (held - fastBits) : (bits << (fastBits - held)) & 0xff;
    const hit = fast[window]!;
    const length = hit & 15;
    if (length !== 0 && length <= held) {
      into[written] = hit >> 4;
      written += 1;
      held -= length;
      bits &= (1 << held) - 1;
      continue;
    }
    // Fewer than eight bits are left: padding, which is made of the first bits of EOS, all ones.
    if (held < fastBits) return bits === (1 << held) - 1 ? written : -1;
    // A rare long code: one bit at a time from the ninth on, in canonical order.
    let code = window;
    held -= fastBits;
    let size = fastBits;
    let offset = -1;
    do {
      if (size === LONGEST) return -1;
      if (held === 0) {
        if (at === end) return -1;
        bits = from[at]!;
        at += 1;
        held = 8;
      }
      held -= 1;
      code = (code << 1) | ((bits >> held) & 1);
      size += 1;
      offset = code - firstCode[size]!;
    } while (offset < 0 || offset >= codeCount[size]!);
    const symbol = ordered[firstSymbol[size]! + offset]!;
    if (symbol === EOS) return -1;
    into[written] = symbol;
    written += 1;
    bits &= (1 << held) - 1;
  }
}

/** The number of bytes that the text (one byte per character) takes as Huffman code, padding included. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let at = 0; at < text.length; at += 1) bits += CODE_LENGTHS[text.charCodeAt(at) & 0xff]!;
  return (bits + 7) >> 3;
}

/** Writes the text as Huffman code at `at`; the caller made room for `huffmanLength` bytes. Gives the new position. */
export function encodeHuffman(text: string, into: Uint8Array, at: number): number {
  let position = at;
  let bits = 0;
  let held = 0;
  for (let index = 0; index < text.length; index += 1) {
    const symbol = text.charCodeAt(index) & 0xff;
    let length = CODE_LENGTHS[symbol]!;
    let code = codes[symbol]!;
    // At most 7 bits are held, so pieces of up to 15 bits keep the accumulator small.
    if (length > 15) {
      bits = (bits << (length - 15)) | (code >>> 15);
      held += length - 15;
      while (held >= 8) {
        held -= 8;
        into[position] = (bits >> held) & 0xff;
        position += 1;
      }
      bits &= (1 << held) - 1;
      code &= 0x7fff;
      length = 15;
    }
    bits = (bits << length) | code;
    held += length;
    while (held >= 8) {
      held -= 8;
      into[position] = (bits >> held) & 0xff;
      position += 1;
    }
    bits &= (1 << held) - 1;
  }
  if (held === 0) return position;
  into[position] = ((bits << (8 - held)) | ((1 << (8 - held)) - 1)) & 0xff;
  return position + 1;
}
