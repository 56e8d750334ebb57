/** PEM text to DER and back (RFC 7468, strict form): one reading, no headers, nothing between or around the blocks. */

const blockPattern =
  /-----BEGIN ([A-Z0-9][A-Z0-9 ]{0,40})-----\r?\n([A-Za-z0-9+/=\r\n]*?)\r?\n?-----END \1-----(?:\r?\n|$)/y;

export interface PemBlock {
  readonly label: string;
  readonly der: Buffer;
}

/** Gives undefined when the text is anything else than PEM blocks one after another, with white space between. */
export function parsePem(text: string): readonly PemBlock[] | undefined {
  const blocks: PemBlock[] = [];
  let at = skipSpace(text, 0);
  while (at < text.length) {
    blockPattern.lastIndex = at;
    const match = blockPattern.exec(text);
    const base64 = match?.[2]?.replace(/[\r\n]/g, "");
    const label = match?.[1];
    if (base64 === undefined || label === undefined) return undefined;
    const der = Buffer.from(base64, "base64");
    // Node's decoder stops at the first bad character; encoding again shows whether it read all of it.
    if (der.length === 0 || der.toString("base64") !== base64) return undefined;
    blocks.push({ label, der });
    at = skipSpace(text, blockPattern.lastIndex);
  }
  return blocks;
}

/** Formats with lines of 64 characters and a newline at the end. */
export function encodePem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString("base64");
  const lines = base64.replace(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && (text.charCodeAt(at) === 0x20 || isLineEnd(text.charCodeAt(at)))) at++;
  return at;
}

function isLineEnd(code: number): boolean {
  return code === 0x0a || code === 0x0d;
}
