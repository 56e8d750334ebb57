/** Byte gear. What the header lines of one head say: the end-to-end list, and what concerns the connection. */
import type { HeaderList } from "../exchange.ts";
import { isToken } from "./characters.ts";
import type { HeaderLine } from "./header-line.ts";
import {
  connectionName,
  contentLengthName,
  expectName,
  hopByHopName,
  hostName,
  ordinaryName,
  teName,
  transferEncodingName,
  upgradeName,
} from "./header-names.ts";

/** Shared between all heads with the same lines: copy `headers` before handing it out. */
export interface HeaderFacts {
  readonly headers: HeaderList;
  host: string | undefined;
  /** -1 where the head does not say. */
  contentLength: number;
  chunked: boolean;
  close: boolean;
  keepAlive: boolean;
  /** The first protocol offered or chosen by Upgrade; empty unless Connection lists `upgrade`. */
  upgrade: string;
  expectsContinue: boolean;
  /** For each line where its pair stands in `headers`; empty when that cannot be said. */
  slots: number[];
}

/** Headers that a Connection option may not take away: they frame, route, or are already dealt with. */
const unstrippable: ReadonlySet<string> = new Set(["content-length", "host", "te", "expect"]);

/** Gives what is wrong as a string when the lines contradict each other or have two readings. */
export function collectHeaderFacts(lines: readonly HeaderLine[]): HeaderFacts | string {
  const headers: HeaderList = [];
  const facts: HeaderFacts = {
    headers,
    host: undefined,
    contentLength: -1,
    chunked: false,
    close: false,
    keepAlive: false,
    upgrade: "",
    expectsContinue: false,
    slots: [],
  };
  let options = "";
  let offered = "";
  for (const line of lines) {
    facts.slots.push(headers.length);
    if (line.name.kind === ordinaryName) {
      headers.push(line.name.text, line.value);
      continue;
    }
    if (line.name.kind === connectionName) options += `,${line.value.toLowerCase()}`;
    else if (line.name.kind === upgradeName) offered += `,${line.value}`;
    else {
      const wrong = takeLine(facts, line);
      if (wrong !== undefined) return wrong;
    }
  }
  if (facts.chunked && facts.contentLength >= 0) return "content-length beside transfer-encoding";
  if (options !== "") applyConnectionOptions(facts, options, offered);
  return facts;
}

/** RFC 9110 8.6, without signs, leading zeros or lists: -1 when the text is not a length. */
export function parseContentLength(text: string): number {
  if (text.length === 0 || text.length > 16) return -1;
  let value = 0;
  for (let at = 0; at < text.length; at += 1) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  if (text.length > 1 && text.charCodeAt(0) === 0x30) return -1;
  return Number.isSafeInteger(value) ? value : -1;
}

function takeLine(facts: HeaderFacts, line: HeaderLine): string | undefined {
  switch (line.name.kind) {
    case hostName:
      if (facts.host !== undefined) return "two host headers";
      facts.host = line.value;
      return undefined;
    case contentLengthName:
      return takeContentLength(facts, line);
    case transferEncodingName:
      if (facts.chunked) return "two transfer-encoding headers";
      if (line.value.toLowerCase() !== "chunked") return "transfer-encoding other than chunked";
      facts.chunked = true;
      return undefined;
    case teName:
      if (/(?:^|,)[ \t]*trailers[ \t]*(?:,|$)/i.test(line.value)) addOnce(facts.headers, "te");
      return undefined;
    case expectName:
      if (line.value.toLowerCase() === "100-continue") facts.expectsContinue = true;
      facts.headers.push(line.name.text, line.value);
      return undefined;
    case hopByHopName:
      return undefined;
    default:
      return "unknown kind of header";
  }
}

function takeContentLength(facts: HeaderFacts, line: HeaderLine): string | undefined {
  const length = parseContentLength(line.value);
  if (length === -1) return "content-length that is not a plain number";
  if (facts.contentLength !== -1) {
    // RFC 9110 8.6 lets equal duplicates be folded into one.
    return facts.contentLength === length ? undefined : "two different content-lengths";
  }
  facts.contentLength = length;
  facts.headers.push(line.name.text, line.value);
  return undefined;
}

/** TE keeps the one value that is meant for the other end as well (RFC 9113 8.2.2). */
function addOnce(headers: HeaderList, name: "te"): void {
  if (!headers.includes(name)) headers.push(name, "trailers");
}

function applyConnectionOptions(facts: HeaderFacts, options: string, offered: string): void {
  if (options === ",keep-alive") {
    facts.keepAlive = true;
    return;
  }
  for (const raw of options.split(",")) {
    const option = raw.trim();
    if (option === "" || !isToken(option)) continue;
    if (option === "close") facts.close = true;
    else if (option === "keep-alive") facts.keepAlive = true;
    else if (option === "upgrade") facts.upgrade = firstProtocol(offered);
    else if (!unstrippable.has(option)) {
      strip(facts.headers, option);
      facts.slots = [];
    }
  }
}

/** `h2c` is never offered onward: HTTP/2 is spoken with prior knowledge here (RFC 9113 3.1). */
function firstProtocol(offered: string): string {
  for (const raw of offered.split(",")) {
    const protocol = raw.trim();
    const known = protocol.toLowerCase();
    if (known === "" || known === "h2c" || known === "h2" || known === "tls/1.0") continue;
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:\/[!#$%&'*+.^_`|~0-9A-Za-z-]+)?$/.test(protocol)) continue;
    return known === "websocket" ? known : protocol;
  }
  return "";
}

function strip(headers: HeaderList, name: string): void {
  for (let at = headers.length - 2; at >= 0; at -= 2) {
    if (headers[at] === name) headers.splice(at, 2);
  }
}
