/** Byte gear. One header line: `name: value CRLF`, strictly (RFC 9112 5). */
import { isValueByte } from "./characters.ts";
import {
  contentLengthName,
  framingTwinName,
  lookUpHeaderName,
  transferEncodingName,
} from "./header-names.ts";

export interface HeaderLine {
  /** The whole line with its CRLF, as it stood in the head. */
  readonly text: string;
  readonly name: string;
  readonly kind: number;
  readonly value: string;
}

const htab = 0x09;
const lf = 0x0a;
const cr = 0x0d;
const space = 0x20;
const colon = 0x3a;

/** Parses the line that begins at `start`; gives what is wrong with it as a string when it is refused. */
export function parseHeaderLine(block: string, start: number): HeaderLine | string {
  const nameEnd = findColon(block, start);
  if (nameEnd === -1) return "header line without a colon";
  if (nameEnd === start) return "header line with an empty name";
  // Spaces before the colon and folded lines both fail here: neither is a token (RFC 9112 5.1, 5.2).
  const name = lookUpHeaderName(block.slice(start, nameEnd));
  if (name === undefined) return "header name with a character that is not allowed";
  let from = nameEnd + 1;
  while (isBlank(block.charCodeAt(from))) from += 1;
  let to = from;
  while (isValueByte[block.charCodeAt(to)] === 1) to += 1;
  if (block.charCodeAt(to) !== cr || block.charCodeAt(to + 1) !== lf) {
    return "header value with a character that is not allowed";
  }
  const end = to + 2;
  while (to > from && isBlank(block.charCodeAt(to - 1))) to -= 1;
  const text = block.slice(start, end);
  if (name.kind === framingTwinName) return "framing header spelled with an underscore";
  if (name.kind === contentLengthName || name.kind === transferEncodingName) {
    // Legal as padding, yet the classic disguise of these two: some parsers take the tab into the value.
    if (text.includes("\t")) return "tab in a framing header";
  }
  return { text, name: name.text, kind: name.kind, value: block.slice(from, to) };
}

function findColon(block: string, start: number): number {
  for (let at = start; at < block.length; at += 1) {
    const character = block.charCodeAt(at);
    if (character === colon) return at;
    if (character === cr) return -1;
  }
  return -1;
}

function isBlank(character: number): boolean {
  return character === space || character === htab;
}
