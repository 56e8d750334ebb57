/** Remembers what the leaves of peers say. A peer dials often with one certificate, and to read it takes up to 50 µs. */
import { hash } from "node:crypto";
import { dropOldest } from "../core/drop-oldest.ts";
import { type LeafVerdict, verifyPeerLeaf } from "../protocol/x509/peer-leaf.ts";

/** Reads a leaf whose chain was verified at this very handshake; a pure function of its arguments. */
export type ReadLeaf = (der: Buffer, trustDomain: string) => LeafVerdict;

/** Peers of one pod at a time. Each is 300 bytes; whoever comes beyond takes the place of the one that came first. */
export const maxSeenLeaves = 512;

interface Seen {
  readonly trustDomain: string;
  readonly verdict: Extract<LeafVerdict, { kind: "accepted" }>;
}

/**
 * Keeps accepted leaves by the SHA-256 of every byte of them, and none beyond its own end. Chain, dates, the proof of
 * the key and what the name may do are checked each time, by others.
 */
export function createSeenLeaves(now: () => number = Date.now): ReadLeaf {
  const leaves = new Map<string, Seen>();
  return (der, trustDomain) => {
    const key = hash("sha256", der, "base64");
    const seen = leaves.get(key);
    if (seen?.trustDomain === trustDomain && seen.verdict.notAfter > now()) return seen.verdict;
    const verdict = verifyPeerLeaf(der, trustDomain);
    leaves.delete(key);
    if (verdict.kind === "rejected") return verdict;
    leaves.set(key, { trustDomain, verdict });
    dropOldest(leaves, maxSeenLeaves);
    return verdict;
  };
}
