/** Byte gear. What one header field is allowed to be in HTTP/2 (RFC 9113 8.2, 8.3), decided once per distinct field. */

export const kindRegular = 0;
export const kindMethod = 1;
export const kindScheme = 2;
export const kindAuthority = 3;
export const kindPath = 4;
export const kindProtocol = 5;
export const kindStatus = 6;
/** Pseudo-header fields are those from `kindMethod` to here. */
export const lastPseudoKind = 6;
export const kindCookie = 7;
export const kindHost = 8;
export const kindContentLength = 9;
const kindTe = 10;
/** A field that makes the whole message malformed (RFC 9113 8.1.1). */
export const kindMalformed = 11;

const specialNames = new Map<string, number>([
  [":method", kindMethod],
  [":scheme", kindScheme],
  [":authority", kindAuthority],
  [":path", kindPath],
  [":protocol", kindProtocol],
  [":status", kindStatus],
  ["cookie", kindCookie],
  ["host", kindHost],
  ["content-length", kindContentLength],
  ["te", kindTe],
  // RFC 9113 8.2.2: fields of one HTTP/1 connection.
  ["connection", kindMalformed],
  ["keep-alive", kindMalformed],
  ["proxy-connection", kindMalformed],
  ["transfer-encoding", kindMalformed],
  ["upgrade", kindMalformed],
]);

/** The most digits a content-length may have and still be a safe integer. */
const maxLengthDigits = 15;

const isTokenByte = byteSet("!#$%&'*+-.^_`|~", "az", "AZ", "09");
const isLowerTokenByte = byteSet("!#$%&'*+-.^_`|~", "az", "09");
/** Visible ASCII but `#`: a fragment never belongs in a request (RFC 9110 7.1). */
const isTargetByte = byteSet("", '!"', "$~");
/** RFC 3986 3.2.2 and 3.2.3 without the comma, which only ever joins two hosts. */
const authorityPattern = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+;=%-]+)(?::[0-9]{1,5})?$/;

/** The kind that the name stands for; the value can still make the field malformed. */
export function classifyName(name: string): number {
  const special = specialNames.get(name);
  if (special !== undefined) return special;
  return name.length > 0 && consistsOf(isLowerTokenByte, name) ? kindRegular : kindMalformed;
}

/** The kind of a whole field; `nameKind` is what `classifyName` gave. */
export function classifyField(nameKind: number, value: string): number {
  switch (nameKind) {
    case kindRegular:
    case kindCookie:
      return isFieldValue(value) ? nameKind : kindMalformed;
    case kindMethod:
    case kindProtocol:
      return value.length > 0 && consistsOf(isTokenByte, value) ? nameKind : kindMalformed;
    case kindScheme:
      return value === "http" || value === "https" ? nameKind : kindMalformed;
    case kindAuthority:
    case kindHost:
      return authorityPattern.test(value) ? nameKind : kindMalformed;
    case kindPath:
      return isPath(value) ? nameKind : kindMalformed;
    case kindStatus:
      return /^[1-5][0-9][0-9]$/.test(value) ? nameKind : kindMalformed;
    case kindContentLength:
      return /^[0-9]+$/.test(value) && value.length <= maxLengthDigits ? nameKind : kindMalformed;
    case kindTe:
      return value === "trailers" ? kindRegular : kindMalformed;
    default:
      return kindMalformed;
  }
}

/** Origin form or `*`; which methods may have which is decided where the method is known. */
function isPath(value: string): boolean {
  if (value === "*") return true;
  return value.charCodeAt(0) === 0x2f && consistsOf(isTargetByte, value);
}

/** RFC 9113 8.2.1, and no other control character than a tab inside (RFC 9110 5.5). */
function isFieldValue(value: string): boolean {
  const length = value.length;
  if (length === 0) return true;
  for (let at = 0; at < length; at += 1) {
    const byte = value.charCodeAt(at);
    if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f) return false;
  }
  const first = value.charCodeAt(0);
  const last = value.charCodeAt(length - 1);
  return first !== 0x20 && first !== 0x09 && last !== 0x20 && last !== 0x09;
}

function consistsOf(set: Uint8Array, text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    if (set[text.charCodeAt(at)] !== 1) return false;
  }
  return true;
}

/** A set of bytes: single characters, then ranges given by their two ends. */
function byteSet(singles: string, ...ranges: readonly string[]): Uint8Array {
  const set = new Uint8Array(256);
  for (const character of singles) set[character.charCodeAt(0)] = 1;
  for (const range of ranges) set.fill(1, range.charCodeAt(0), range.charCodeAt(1) + 1);
  return set;
}
