/** Byte gear. One header line: `name: value CRLF`, strictly (RFC 9112 5). */
import { isValueByte } from "./characters.ts";
import {
  contentLengthName,
  framingTwinName,
  type HeaderName,
  lookUpHeaderName,
  transferEncodingName,
} from "./header-names.ts";

export interface HeaderLine {
  /** The whole line with its CRLF, as it stood in the head. */
  readonly text: string;
  /** The name with its colon, as it was spelled. */
  readonly spelling: string;
  readonly name: HeaderName;
  readonly value: string;
}

const htab = 0x09;
const lf = 0x0a;
const space = 0x20;

/**
 * Parses the line that begins at `start`; gives what is wrong with it as a string when it is refused. `likely` is the
 * line that stood here in the head before: its name is probably this one's as well.
 */
export function parseHeaderLine(
  block: string,
  start: number,
  likely: HeaderLine | undefined,
): HeaderLine | string {
  const nameEnd = block.indexOf(":", start);
  if (nameEnd === -1) return "header line without a colon";
  if (nameEnd === start) return "header line with an empty name";
  const spelling = block.slice(start, nameEnd + 1);
  // Spaces before the colon, folded lines and lines without a colon all fail here: what they make of the name is
  // no token (RFC 9112 5.1, 5.2).
  const name = likely?.spelling === spelling ? likely.name : lookUpHeaderName(spelling);
  if (name === undefined) return "header name with a character that is not allowed";
  const lineEnd = block.indexOf("\r", nameEnd);
  let from = nameEnd + 1;
  let to = lineEnd;
  while (from < to && isBlank(block.charCodeAt(from))) from += 1;
  while (to > from && isBlank(block.charCodeAt(to - 1))) to -= 1;
  if (block.charCodeAt(lineEnd + 1) !== lf || !isValue(block, from, to)) {
    return "header value with a character that is not allowed";
  }
  const text = block.slice(start, lineEnd + 2);
  if (name.kind === framingTwinName) return "framing header spelled with an underscore";
  if (name.kind === contentLengthName || name.kind === transferEncodingName) {
    // Legal as padding, yet the classic disguise of these two: some parsers take the tab into the value.
    if (text.includes("\t")) return "tab in a framing header";
  }
  return { text, spelling, name, value: block.slice(from, to) };
}

function isValue(block: string, from: number, to: number): boolean {
  let valid = 1;
  for (let at = from; at < to; at += 1) valid &= isValueByte[block.charCodeAt(at)] as number;
  return valid === 1;
}

function isBlank(character: number): boolean {
  return character === space || character === htab;
}
