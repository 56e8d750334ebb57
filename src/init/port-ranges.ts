/** Lists of ports as people write them in an annotation: `22,8000-8099`. */
import { parsePort } from "../core/address.ts";

export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** Each range is one rule that every new connection is compared with. */
const maxRanges = 100;

/** Parses a comma list of ports and ranges; throws an Error that names the part that is none. */
export function parsePortRanges(text: string): readonly PortRange[] {
  const parts = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  if (parts.length > maxRanges) {
    throw new Error(`expected at most ${maxRanges} ports and ranges, got ${parts.length}`);
  }
  return parts.map((part) => parseRange(part));
}

function parseRange(part: string): PortRange {
  const [first = "", last = first, ...rest] = part.split("-").map((end) => end.trim());
  const from = parsePort(first);
  const to = parsePort(last);
  if (from === undefined || to === undefined || rest.length > 0 || from > to) {
    throw new Error(`expected ports (1-65535) and ranges like 8000-8099, got "${part}"`);
  }
  return { from, to };
}
