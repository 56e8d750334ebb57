/** A second, slow reading of request bytes, by regular expressions over the whole text: the judge of the fast one. */
import type { HeaderList } from "../../exchange.ts";
import { isAuthority, isAuthorityWithPort } from "../authority.ts";

export interface NaiveReading {
  /** Complete requests: method, version, authority, path, headers, body and trailers in one line each. */
  readonly requests: string[];
  /** `tunnel` ends the comparison: what follows is not HTTP any more, or depends on the answer. */
  readonly verdict: "bad" | "incomplete" | "closed" | "tunnel";
}

interface Fields {
  readonly endToEnd: HeaderList;
  readonly all: Map<string, string[]>;
  readonly options: readonly string[];
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]";
const requestLine = new RegExp(`^(${token}{1,32}) ([\\x21\\x22\\x24-\\x7e]+) HTTP/1\\.([01])$`);
const fieldLine = new RegExp(`^(${token}+):[ \\t]*([\\t\\x20-\\x7e\\x80-\\xff]*?)[ \\t]*$`);
const chunkLine =
  /^([0-9A-Fa-f]{1,13})(?:;(?:[\t\x20\x21\x23-\x7e\x80-\xff]|"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*")*)?$/;
const dropped = ["host", "connection", "keep-alive", "proxy-connection", "http2-settings"];

/** Reads as many requests as the text holds. */
export function readNaively(text: string): NaiveReading {
  const requests: string[] = [];
  let rest = text;
  for (;;) {
    if (rest.startsWith("\r\n")) rest = rest.slice(2);
    const end = rest.indexOf("\r\n\r\n");
    if (end === -1) return { requests, verdict: "incomplete" };
    const head = readHead(rest.slice(0, end).split("\r\n"));
    if (typeof head === "string") return { requests, verdict: head };
    const body = readBody(rest.slice(end + 4), head);
    if (typeof body === "string") return { requests, verdict: body };
    requests.push(`${head.text} ${JSON.stringify(body.text)} ${body.trailers.join("|")}`);
    rest = body.rest;
    if (head.closes) return { requests, verdict: "closed" };
  }
}

interface NaiveHead {
  readonly text: string;
  readonly length: number;
  readonly chunked: boolean;
  readonly closes: boolean;
}

function readHead(lines: string[]): NaiveHead | "bad" | "tunnel" {
  const [, method = "", target = "", minor = ""] = requestLine.exec(lines[0] ?? "") ?? [];
  const fields = readFields(lines.slice(1));
  if (method === "" || fields === undefined) return "bad";
  const hosts = fields.all.get("host") ?? [];
  if (hosts.length > 1 || (minor === "1" && hosts.length === 0)) return "bad";
  if (hosts[0] !== undefined && !isAuthority(hosts[0])) return "bad";
  const framing = readFraming(fields, minor);
  if (framing === undefined) return "bad";
  if ((method === "TRACE" || method === "CONNECT") && framing.length !== 0) return "bad";
  if (method === "CONNECT") return isAuthorityWithPort(target) ? "tunnel" : "bad";
  const where = readTarget(method, target, hosts[0] ?? "");
  if (where === undefined) return "bad";
  if (fields.options.includes("upgrade") && fields.all.has("upgrade")) return "tunnel";
  const keeps = minor === "1" || fields.options.includes("keep-alive");
  const closes = fields.options.includes("close") || !keeps;
  return { text: `${method} ${minor} ${where} ${fields.endToEnd.join("|")}`, ...framing, closes };
}

function readTarget(method: string, target: string, host: string): string | undefined {
  if (target.startsWith("/")) return `${host} ${target}`;
  if (target === "*") return method === "OPTIONS" ? `${host} *` : undefined;
  const [, authority = "", path = ""] = /^https?:\/\/([^/?]+)(.*)$/i.exec(target) ?? [];
  if (!isAuthority(authority)) return undefined;
  if (path === "") return `${authority} ${method === "OPTIONS" ? "*" : "/"}`;
  return `${authority} ${path.startsWith("/") ? path : `/${path}`}`;
}

function readFraming(
  fields: Fields,
  minor: string,
): { length: number; chunked: boolean } | undefined {
  const codings = fields.all.get("transfer-encoding");
  const lengths = fields.all.get("content-length");
  if (codings !== undefined) {
    const isOne = codings.length === 1 && codings[0]?.toLowerCase() === "chunked";
    return isOne && minor === "1" && lengths === undefined
      ? { length: -1, chunked: true }
      : undefined;
  }
  if (lengths === undefined) return { length: 0, chunked: false };
  if (new Set(lengths).size !== 1 || !/^(?:0|[1-9][0-9]{0,15})$/.test(lengths[0] ?? ""))
    return undefined;
  const length = Number(lengths[0]);
  return Number.isSafeInteger(length) ? { length, chunked: false } : undefined;
}

function readFields(lines: string[]): Fields | undefined {
  const all = new Map<string, string[]>();
  for (const line of lines) {
    const [, spelling = "", value = ""] = fieldLine.exec(line) ?? [];
    const name = spelling.toLowerCase();
    if (name === "" || name === "content_length" || name === "transfer_encoding") return undefined;
    if (/^(?:content-length|transfer-encoding)$/.test(name) && line.includes("\t"))
      return undefined;
    all.set(name, [...(all.get(name) ?? []), value]);
  }
  const options = (all.get("connection") ?? [])
    .flatMap((value) => value.toLowerCase().split(","))
    .map((option) => option.trim());
  const kept = ["content-length", "te", "expect"];
  const endToEnd: HeaderList = [];
  for (const line of lines) {
    const [, spelling = "", value = ""] = fieldLine.exec(line) ?? [];
    const name = spelling.toLowerCase();
    if ([...dropped, "upgrade", "transfer-encoding"].includes(name)) continue;
    if (options.includes(name) && !kept.includes(name) && name !== "close" && name !== "keep-alive")
      continue;
    if (name === "content-length" && endToEnd.includes("content-length")) continue;
    if (name !== "te") endToEnd.push(name, value);
    else if (/(?:^|,)[ \t]*trailers[ \t]*(?:,|$)/i.test(value) && !endToEnd.includes("te")) {
      endToEnd.push("te", "trailers");
    }
  }
  return { endToEnd, all, options };
}

function readBody(
  rest: string,
  head: NaiveHead,
): { text: string; trailers: HeaderList; rest: string } | "bad" | "incomplete" {
  if (!head.chunked) {
    if (rest.length < head.length) return "incomplete";
    return { text: rest.slice(0, head.length), trailers: [], rest: rest.slice(head.length) };
  }
  let text = "";
  let left = rest;
  for (;;) {
    const end = left.indexOf("\r\n");
    if (end === -1) return "incomplete";
    const match = chunkLine.exec(left.slice(0, end));
    if (match === null) return "bad";
    const size = Number.parseInt(match[1] ?? "", 16);
    left = left.slice(end + 2);
    if (size === 0) return readTrailers(text, left);
    if (left.length < size + 2) return "incomplete";
    text += left.slice(0, size);
    if (left.slice(size, size + 2) !== "\r\n") return "bad";
    left = left.slice(size + 2);
  }
}

function readTrailers(
  text: string,
  left: string,
): { text: string; trailers: HeaderList; rest: string } | "bad" | "incomplete" {
  if (left.startsWith("\r\n")) return { text, trailers: [], rest: left.slice(2) };
  const end = left.indexOf("\r\n\r\n");
  if (end === -1) return "incomplete";
  const fields = readFields(left.slice(0, end).split("\r\n"));
  if (fields === undefined) return "bad";
  for (const name of ["host", "content-length", "transfer-encoding", "expect"]) {
    if (fields.all.has(name)) return "bad";
  }
  if (fields.endToEnd.includes("te")) return "bad";
  return { text, trailers: fields.endToEnd, rest: left.slice(end + 4) };
}
