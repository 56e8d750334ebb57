/** Who asks for what: the options of `remora policy explain` as what a sidecar would see. */
import { isIP } from "node:net";
import { normalizeIp, parsePort } from "../../core/address.ts";
import { parseSpiffeId, type SpiffeId } from "../../core/spiffe-id.ts";
import type { RequestHead } from "../../protocol/exchange.ts";
import { isToken } from "../../protocol/http1/characters.ts";
import { type Arguments, textOption, textOptions, UsageError } from "../command.ts";

export interface Question {
  readonly from: SpiffeId | undefined;
  readonly clientIp: string;
  readonly namespace: string;
  /** Of a pod, or of what makes pods. */
  readonly name: string;
  readonly port: number;
  /** Undefined when it is asked for bytes that are not HTTP. */
  readonly head: RequestHead | undefined;
}

/** TEST-NET-1 (RFC 5737): an address that no rule is about unless it is about all. */
const nobodysAddress = "192.0.2.1";

/** Throws a UsageError that says what is missing. */
export function readQuestion(args: Arguments): Question {
  const to = readTarget(textOption(args, "to"));
  return {
    from: readIdentity(textOption(args, "from")),
    clientIp: readAddress(textOption(args, "from-address")),
    ...to,
    head: readHead(args, `${to.name}.${to.namespace}`),
  };
}

function readIdentity(text: string | undefined): SpiffeId | undefined {
  if (text === undefined) return undefined;
  const id = parseSpiffeId(text);
  if (id !== undefined) return id;
  throw new UsageError(
    `--from is "${text}", and must be like spiffe://cluster.local/ns/shop/sa/web`,
  );
}

function readAddress(text: string | undefined): string {
  if (text === undefined) return nobodysAddress;
  if (isIP(text) === 0)
    throw new UsageError(`--from-address is "${text}", and must be an IP address`);
  return normalizeIp(text);
}

function readTarget(text: string | undefined): Pick<Question, "namespace" | "name" | "port"> {
  const [, namespace = "", name = "", digits = ""] =
    /^([^/:]+)\/([^/:]+):(\d+)$/.exec(text ?? "") ?? [];
  const port = parsePort(digits);
  if (port !== undefined) return { namespace, name, port };
  throw new UsageError("--to is missing or is not NAMESPACE/NAME:PORT, like shop/ledger:7000");
}

function readHead(args: Arguments, defaultHost: string): RequestHead | undefined {
  const method = textOption(args, "method");
  const path = textOption(args, "path");
  const host = textOption(args, "host");
  const lines = textOptions(args, "header");
  if ([method, path, host].every((text) => text === undefined) && lines.length === 0) {
    return undefined;
  }
  return {
    method: method ?? "GET",
    scheme: "http",
    authority: host ?? defaultHost,
    path: path ?? "/",
    protocol: "",
    headers: lines.flatMap(readHeader),
    version: 11,
  };
}

function readHeader(line: string): [string, string] {
  const colon = line.indexOf(":");
  const name = line.slice(0, Math.max(0, colon)).trim().toLowerCase();
  if (!isToken(name)) throw new UsageError(`--header is "${line}", and must be "NAME: VALUE"`);
  return [name, line.slice(colon + 1).trim()];
}
