/** Byte gear. Reads the first message of a TLS client far enough to know whom it asks for (RFC 8446 4.1.2, RFC 6066 3). */

/** What a ClientHello says in the clear; none of it is proof of anything. */
export interface ClientHello {
  /** The server name, in lower case; undefined when there is none or it is not a DNS name. */
  readonly serverName: string | undefined;
  /** The application protocols in the client's order. */
  readonly alpn: readonly string[];
}

/** `undefined` asks for more bytes, `"invalid"` says that no more will help. */
export type ClientHelloResult = ClientHello | "invalid" | undefined;

const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const ALPN = 16;
const HOST_NAME = 0;
const recordHeader = 5;
const messageHeader = 4;
/** RFC 8446 5.1: the plaintext of a record. */
const largestRecord = 16_384;
/** With hybrid key shares real ones have 2 KiB; this leaves room for large tickets and padding. */
export const largestClientHello = 16_384;
/** Records of one byte each are legal, but only attackers cut a ClientHello into more pieces than this. */
const mostRecords = 64;
/** Real clients offer two or three protocols. */
const mostProtocols = 32;

/** Whether the first bytes can be those of a ClientHello; undefined while that is open. */
export function looksLikeClientHello(bytes: Uint8Array): boolean | undefined {
  const known = Math.min(bytes.length, 6);
  for (let at = 0; at < known; at += 1) {
    if (!isPlausible(at, bytes[at] as number)) return false;
  }
  return bytes.length < 6 ? undefined : true;
}

/** Parses the message from the start of a connection; it may be spread over several records. */
export function parseClientHello(bytes: Uint8Array): ClientHelloResult {
  if (looksLikeClientHello(bytes) === false) return "invalid";
  const message = joinRecords(bytes);
  if (message === undefined || message === "invalid") return message;
  return parseMessage(message);
}

function isPlausible(at: number, byte: number): boolean {
  switch (at) {
    case 0:
      return byte === HANDSHAKE_RECORD;
    case 1:
      return byte === 3;
    case 2:
      return byte <= 4;
    case 3:
      return byte <= largestRecord >> 8;
    case 5:
      return byte === CLIENT_HELLO;
    default:
      return true;
  }
}

/** The whole handshake message without its header, as a view where it is in one record. */
function joinRecords(bytes: Uint8Array): Uint8Array | "invalid" | undefined {
  const parts: Uint8Array[] = [];
  let held = 0;
  let needed = Number.POSITIVE_INFINITY;
  for (let at = 0; ; ) {
    if (parts.length === mostRecords) return "invalid";
    if (bytes.length - at < recordHeader) return undefined;
    const length = uint16(bytes, at + 3);
    const isHandshake = bytes[at] === HANDSHAKE_RECORD && bytes[at + 1] === 3;
    if (!isHandshake || length === 0 || length > largestRecord) return "invalid";
    const part = bytes.subarray(at + recordHeader, at + recordHeader + length);
    parts.push(part);
    held += part.length;
    if (held >= messageHeader && needed === Number.POSITIVE_INFINITY) {
      const start = parts.length === 1 ? part : concatenate(parts, held);
      needed = messageHeader + uint24(start, 1);
      if (needed > largestClientHello) return "invalid";
    }
    if (held >= needed) {
      const whole = parts.length === 1 ? part : concatenate(parts, held);
      return whole.subarray(messageHeader, needed);
    }
    if (part.length < length) return undefined;
    at += recordHeader + length;
  }
}

function concatenate(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function parseMessage(message: Uint8Array): ClientHello | "invalid" {
  const extensions = skipToExtensions(message);
  if (extensions === undefined) return "invalid";
  let serverName: string | undefined;
  let alpn: readonly string[] = [];
  const seen = new Set<number>();
  for (let at = 0; at < extensions.length; ) {
    if (extensions.length - at < 4) return "invalid";
    const type = uint16(extensions, at);
    const end = at + 4 + uint16(extensions, at + 2);
    // RFC 8446 4.2: no extension twice; two server names would have two readings.
    if (end > extensions.length || seen.has(type)) return "invalid";
    seen.add(type);
    const body = extensions.subarray(at + 4, end);
    at = end;
    if (type === SERVER_NAME) {
      const name = parseServerName(body);
      if (name === undefined) return "invalid";
      serverName = name === "" ? undefined : name;
    } else if (type === ALPN) {
      const protocols = parseAlpn(body);
      if (protocols === undefined) return "invalid";
      alpn = protocols;
    }
  }
  return { serverName, alpn };
}

/** Over version, random, session id, cipher suites and compression methods. */
function skipToExtensions(message: Uint8Array): Uint8Array | undefined {
  let at = 34;
  if (at >= message.length) return undefined;
  at += 1 + (message[at] as number);
  if (at + 2 > message.length) return undefined;
  at += 2 + uint16(message, at);
  if (at >= message.length) return undefined;
  at += 1 + (message[at] as number);
  if (at === message.length) return new Uint8Array(0);
  if (at + 2 > message.length) return undefined;
  const length = uint16(message, at);
  return at + 2 + length === message.length ? message.subarray(at + 2) : undefined;
}

/** The empty string stands for a name that is not a DNS name: it is passed over, not an error. */
function parseServerName(body: Uint8Array): string | undefined {
  if (body.length < 5 || uint16(body, 0) !== body.length - 2) return undefined;
  if (body[2] !== HOST_NAME) return undefined;
  const length = uint16(body, 3);
  if (length === 0 || 5 + length !== body.length) return undefined;
  const name = Buffer.from(body.subarray(5)).toString("latin1").toLowerCase();
  return isDnsName(name) ? name : "";
}

/** An IP address is not one (RFC 6066 3): the last label has to hold something other than digits. */
function isDnsName(name: string): boolean {
  return name.length <= 253 && /^(?:[a-z0-9_-]{1,63}\.)*(?![0-9]+$)[a-z0-9_-]{1,63}$/.test(name);
}

function parseAlpn(body: Uint8Array): readonly string[] | undefined {
  if (body.length < 2 || uint16(body, 0) !== body.length - 2) return undefined;
  const protocols: string[] = [];
  for (let at = 2; at < body.length; ) {
    const length = body[at] as number;
    const end = at + 1 + length;
    if (length === 0 || end > body.length || protocols.length === mostProtocols) return undefined;
    protocols.push(Buffer.from(body.subarray(at + 1, end)).toString("latin1"));
    at = end;
  }
  return protocols;
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

function uint24(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 16) | uint16(bytes, at + 1);
}
