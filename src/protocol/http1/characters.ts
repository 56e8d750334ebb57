/** The character classes of RFC 9110 and 9112 as tables: 1 where the byte belongs to the class. */

/** RFC 9110 5.6.2: what names and methods are made of. */
export const isTokenByte: Uint8Array = table((byte) =>
  /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(byte)),
);

/** RFC 9110 5.5: visible characters, space, tab, and obs-text. */
export const isValueByte: Uint8Array = table(
  (byte) => byte === 0x09 || (byte >= 0x20 && byte !== 0x7f),
);

/**
 * Request targets: visible ASCII without `#` (a fragment is never sent, RFC 9112 3.2). Wider than RFC 3986, because
 * real clients send `|`, `{` or `"` as they are; none of them can end the target, so there is still one reading.
 */
export const isTargetByte: Uint8Array = table(
  (byte) => byte > 0x20 && byte < 0x7f && byte !== 0x23,
);

/** Whether the text is a token (RFC 9110 5.6.2). */
export function isToken(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text);
}

function table(belongs: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (belongs(byte) ? 1 : 0));
}
