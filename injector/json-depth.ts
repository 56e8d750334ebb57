/** Byte gear. How deeply a JSON text is nested, found without parsing it. */

const quote = 0x22;
const backslash = 0x5c;

/** Whether `[` and `{` are nested deeper than `limit` anywhere; a text that is not JSON gets some answer too. */
export function isNestedDeeper(text: Uint8Array, limit: number): boolean {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const byte = text[index] as number;
    if (inString) {
      if (byte === backslash) index += 1;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    // `[` and `{` differ in one bit only, and so do `]` and `}`.
    else if ((byte | 0x20) === 0x7b) {
      depth += 1;
      if (depth > limit) return true;
    } else if ((byte | 0x20) === 0x7d) depth -= 1;
  }
  return false;
}
