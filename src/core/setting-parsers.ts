/** How the texts of settings are understood, the same in every program. Each throws an Error that says what it expects. */
import { isIP } from "node:net";
import type { SocketAddress } from "./address.ts";
import { type Millis, parseDuration } from "./duration.ts";
import { logLevels } from "./log.ts";
import { isTrustDomain } from "./spiffe-id.ts";

/** `IP:port`, with an IPv6 address in brackets; port 0 takes a free one. */
export function parseListenAddress(text: string): SocketAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const ip = match?.[1] ?? match?.[2] ?? "";
  const port = Number(match?.[3]);
  if (isIP(ip) === 0 || !(port <= 65_535)) throw new Error("expected IP:port, such as [::]:15010");
  return { ip, port };
}

/** Any text but an empty one. */
export function parseName(text: string): string {
  if (text.trim() === "") throw new Error("expected a text that is not empty");
  return text;
}

export function parseTrustDomain(text: string): string {
  if (!isTrustDomain(text)) throw new Error("expected lower-case letters, digits, dots, dashes");
  return text;
}

export function parsePositiveDuration(text: string): Millis {
  const duration = parseDuration(text);
  if (duration === undefined || duration <= 0) {
    throw new Error("expected a duration, such as 500ms, 5s or 2m");
  }
  return duration;
}

export function parseLogLevel(text: string): string {
  if (!logLevels.some((level) => level === text)) {
    throw new Error(`expected one of ${logLevels.join(", ")}`);
  }
  return text;
}
