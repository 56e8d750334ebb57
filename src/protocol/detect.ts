/** Byte gear. Says from the first bytes of a client which protocol it speaks, as soon as that is certain. */
import { isTargetByte, isTokenByte } from "./http1/characters.ts";
import { looksLikeClientHello } from "./tls/client-hello.ts";

export type DetectedProtocol = "http1" | "http2" | "tls" | "opaque";

/** No decision needs more: the longest method that is believed, a space and the start of a target. */
export const mostDetectionBytes = 40;

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
/** RFC 9110 methods end at 7 letters, WebDAV's at 16 (`VERSION-CONTROL`); other first words are other protocols. */
const longestMethod = 20;
/** After `GET /` this much of the target has to look like one, unless it ends before. */
const targetSample = 3;
const space = 0x20;

/**
 * Decides about all bytes of the client so far; undefined asks for more. Call it again with everything from the first
 * byte on, not with the new bytes alone. Bytes that can no longer become anything known are opaque at once.
 */
export function detect(bytes: Uint8Array): DetectedProtocol | undefined {
  if (bytes.length === 0) return undefined;
  const tls = looksLikeClientHello(bytes);
  if (tls !== false) return tls === true ? "tls" : undefined;
  const shared = Math.min(bytes.length, preface.length);
  if (preface.subarray(0, shared).equals(bytes.subarray(0, shared))) {
    return shared === preface.length ? "http2" : undefined;
  }
  return detectHttp1(bytes);
}

/**
 * `METHOD SP` and the start of a target: `/` or `http`, or `*` or an authority for the methods that take them. Upper
 * case only: no client writes other methods, but text protocols do begin with a word and a space (`user x`, `get k`).
 */
function detectHttp1(bytes: Uint8Array): "http1" | "opaque" | undefined {
  let at = 0;
  while (at < bytes.length && at <= longestMethod && isMethodByte(bytes[at] as number)) at += 1;
  if (at === bytes.length && at <= longestMethod) return undefined;
  if (at < 3 || bytes[at] !== space) return "opaque";
  const method = Buffer.from(bytes.subarray(0, at)).toString("latin1");
  const target = bytes.subarray(at + 1, at + 1 + targetSample);
  return detectTarget(method, target);
}

function detectTarget(method: string, target: Uint8Array): "http1" | "opaque" | undefined {
  const first = target[0];
  if (first === undefined) return undefined;
  let at = 0;
  while (at < target.length && isTargetByte[target[at] as number] === 1) at += 1;
  const isWhole = at < target.length;
  if (at === 0 || (isWhole && target[at] !== space)) return "opaque";
  if (!mayBegin(method, Buffer.from(target.subarray(0, at)).toString("latin1"))) return "opaque";
  return isWhole || target.length === targetSample ? "http1" : undefined;
}

function mayBegin(method: string, target: string): boolean {
  if (method === "CONNECT") return /^[A-Za-z0-9[]/.test(target);
  if (target.startsWith("/")) return true;
  if (method === "OPTIONS" && target === "*") return true;
  return "http".startsWith(target.toLowerCase());
}

function isMethodByte(byte: number): boolean {
  return isTokenByte[byte] === 1 && !(byte >= 0x61 && byte <= 0x7a);
}
