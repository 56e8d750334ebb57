/** Lists of ports and ranges as annotations write them: `80, 443, 8000-8099`. */
import { parsePort } from "../src/core/address.ts";

/** What the init container takes: each entry is a rule that every new connection is compared with. */
const maxEntries = 100;

/** Gives the list in normal form (`80,443,8000-8099`), or throws an Error that says what is wrong with it. */
export function normalizePortList(text: string): string {
  const entries = text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  if (entries.length > maxEntries) {
    throw new Error(`has ${entries.length} entries, and ${maxEntries} is the most`);
  }
  return entries.map(normalizeEntry).join(",");
}

function normalizeEntry(entry: string): string {
  const [first = "", last, ...rest] = entry.split("-").map((part) => part.trim());
  const from = parsePort(first);
  const to = last === undefined ? from : parsePort(last);
  if (from === undefined || to === undefined || rest.length > 0) {
    throw new Error(
      `holds ${quote(entry)}, which is not a port (1 to 65535) or a range such as 8000-8099`,
    );
  }
  if (to < from) throw new Error(`holds the range ${quote(entry)}, which ends before it starts`);
  return from === to ? String(from) : `${from}-${to}`;
}

/** Hostile text in a message stays one short line. */
function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
