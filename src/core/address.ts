/** IP addresses and the address of a socket, in the one text form that the whole program compares. */
import { isIPv4, isIPv6 } from "node:net";

/** `IP:port`, with an IPv6 address in brackets. Compared as a string, so always in normal form. */
export interface SocketAddress {
  readonly ip: string;
  readonly port: number;
}

/** Formats as `10.0.0.1:80` or `[fd00::1]:80`. */
export function formatAddress(address: SocketAddress): string {
  return address.ip.includes(":")
    ? `[${address.ip}]:${address.port}`
    : `${address.ip}:${address.port}`;
}

/** Parses `IP:port` or `[IPv6]:port`; gives undefined for anything else, host names included. */
export function parseAddress(text: string): SocketAddress | undefined {
  const colon = text.lastIndexOf(":");
  if (colon < 1) return undefined;
  const port = parsePort(text.slice(colon + 1));
  if (port === undefined) return undefined;
  const host = text.slice(0, colon);
  if (host.startsWith("[") && host.endsWith("]")) {
    const ip = host.slice(1, -1);
    return isIPv6(ip) ? { ip: normalizeIp(ip), port } : undefined;
  }
  return isIPv4(host) ? { ip: host, port } : undefined;
}

/** Parses a port from 1 to 65535 written in decimal without sign, space or leading zero. */
export function parsePort(text: string): number | undefined {
  if (!/^[1-9][0-9]{0,4}$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}

/** One text form per address: IPv4-mapped IPv6 becomes IPv4, other IPv6 is compressed (RFC 5952). */
export function normalizeIp(ip: string): string {
  if (isIPv4(ip)) return ip;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip);
  if (mapped?.[1] !== undefined) return mapped[1];
  if (!isIPv6(ip)) return ip;
  const host = new URL(`http://[${ip.replace(/%.*$/, "")}]`).hostname;
  return formatIpBytes(parseIpBytes(host.slice(1, -1)) ?? new Uint8Array(16));
}

/** The 4 or 16 bytes of an address in network order; undefined when the text is not an IP address. */
export function parseIpBytes(ip: string): Uint8Array | undefined {
  if (isIPv4(ip)) return Uint8Array.from(ip.split("."), Number);
  if (!isIPv6(ip)) return undefined;
  const hextets = expandIpv6(ip);
  const bytes = new Uint8Array(16);
  hextets.forEach((value, index) => {
    bytes[index * 2] = value >> 8;
    bytes[index * 2 + 1] = value & 0xff;
  });
  return bytes;
}

/** The text of 4 or 16 address bytes; other lengths are a bug of the caller. */
export function formatIpBytes(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const hextets: number[] = [];
  for (let index = 0; index < 16; index += 2) {
    hextets.push(((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0));
  }
  const mapped = hextets.slice(0, 5).every((value) => value === 0) && hextets[5] === 0xffff;
  if (mapped) return bytes.subarray(12).join(".");
  const text = hextets.map((value) => value.toString(16)).join(":");
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}

/** Whether the address is in 127.0.0.0/8 or ::1. */
export function isLoopback(ip: string): boolean {
  return ip === "::1" || ip.startsWith("127.");
}

function expandIpv6(ip: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(ip);
  const text =
    dotted === null
      ? ip
      : `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`;
  const [head = "", tail] = text.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array<string>(zeros).fill("0"), ...after].map((part) =>
    Number.parseInt(part, 16),
  );
}
