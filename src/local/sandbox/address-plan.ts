/** Chooses the addresses of a mesh so that they collide with nothing that the host routes. */
import { createHash } from "node:crypto";
import { normalizeIp, parseIpBytes } from "../../core/address.ts";

/** A block of 65,536 IPv4 addresses, written as its first two bytes. */
export interface AddressPlan {
  /** CIDR of pods: the lower half of the block. */
  readonly podRange: string;
  /** CIDR of Services: the upper half. */
  readonly serviceRange: string;
  /** The host's address. */
  readonly gateway: string;
  /** The same in the mesh's own IPv6 network (RFC 4193), a /64. */
  readonly gateway6: string;
  /** The address of pod number `index`, from 0. */
  readonly podIp: (index: number) => string;
  readonly podIp6: (index: number) => string;
}

/** Pods that fit: the lower half without network, gateway and broadcast address. */
export const maxPods = 32_765;

/** Undefined when every private block is taken. `routes` are destinations as `ip route` prints them. */
export function planAddresses(mesh: string, routes: readonly string[]): AddressPlan | undefined {
  const hash = createHash("sha256").update(mesh).digest();
  const start = hash.readUInt16BE(0);
  const taken = routes.flatMap((route) => parseRoute(route) ?? []);
  for (let step = 0; step < blocks.length; step += 1) {
    const block = blocks[(start + step) % blocks.length];
    if (block === undefined || taken.some((range) => overlaps(block, range))) continue;
    return makePlan(block, hash.subarray(2, 7));
  }
  return undefined;
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * 10.64/10 and up (the low end is where clusters, clouds and offices live), 172.16/12, the carrier range 100.64/10, and
 * the range for benchmarks, each cut in blocks of /16.
 */
const blocks: readonly Range[] = [
  ...blocksOf(10, 64, 255),
  ...blocksOf(172, 20, 31),
  ...blocksOf(100, 64, 127),
  ...blocksOf(198, 18, 19),
];

function blocksOf(first: number, from: number, to: number): Range[] {
  return Array.from({ length: to - from + 1 }, (_, index) => {
    const start = first * 2 ** 24 + (from + index) * 2 ** 16;
    return { from: start, to: start + 2 ** 16 - 1 };
  });
}

function makePlan(block: Range, hash: Uint8Array): AddressPlan {
  const ip = (offset: number) => {
    const value = block.from + offset;
    return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join(".");
  };
  const hex = Buffer.from(hash).toString("hex");
  const ip6 = (offset: number) =>
    normalizeIp(
      `fd${hex.slice(0, 2)}:${hex.slice(2, 6)}:${hex.slice(6, 10)}::${offset.toString(16)}`,
    );
  return {
    podRange: `${ip(0)}/17`,
    serviceRange: `${ip(2 ** 15)}/17`,
    gateway: ip(1),
    gateway6: ip6(1),
    podIp: (index) => ip(index + 2),
    podIp6: (index) => ip6(index + 2),
  };
}

function parseRoute(route: string): Range | undefined {
  const [ip = "", length = "32"] = route.split("/");
  const bytes = parseIpBytes(ip);
  const bits = Number(length);
  if (bytes?.length !== 4 || !(bits >= 1 && bits <= 32)) return undefined;
  const size = 2 ** (32 - bits);
  const value = Buffer.from(bytes).readUInt32BE();
  const from = value - (value % size);
  return { from, to: from + size - 1 };
}

function overlaps(a: Range, b: Range): boolean {
  return a.from <= b.to && b.from <= a.to;
}
