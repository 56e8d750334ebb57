/** The grpc-message field: UTF-8 with percent signs for everything that a header cannot hold. */

/** Percent-encodes all but printable ASCII, and the percent sign itself. */
export function encodeGrpcMessage(text: string): string {
  if (/^[ -$&-~]*$/.test(text)) return text;
  let encoded = "";
  for (const byte of Buffer.from(text, "utf8")) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/** Decodes what it can: a broken escape stays as it is, since a message must never make a call fail. */
export function decodeGrpcMessage(text: string): string {
  if (!text.includes("%")) return text;
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const escape = /^%[0-9A-Fa-f]{2}/.test(text.slice(at, at + 3));
    bytes.push(escape ? Number.parseInt(text.slice(at + 1, at + 3), 16) : text.charCodeAt(at));
    if (escape) at += 2;
  }
  return Buffer.from(bytes).toString("utf8");
}
