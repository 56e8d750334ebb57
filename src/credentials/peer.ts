/** Who is at the other end of a TLS connection whose handshake is done. */
import type { TLSSocket } from "node:tls";
import type { SpiffeId } from "../core/spiffe-id.ts";
import {
  type LeafRejection,
  type LeafVerdict,
  verifyPeerLeaf,
} from "../protocol/x509/peer-leaf.ts";
import type { ReadLeaf } from "./seen-leaves.ts";

export type PeerRejection = LeafRejection | "unverified" | "no_certificate" | "unexpected_identity";

export type PeerVerdict =
  | Extract<LeafVerdict, { kind: "accepted" }>
  | { readonly kind: "rejected"; readonly reason: PeerRejection };

/**
 * The peer's identity in the trust domain, or why it has none. OpenSSL has checked the chain's signatures and dates at
 * the handshake (`rejectUnauthorized`); when it did not, nothing in the certificate counts. With `expected` only that
 * identity is accepted: callers that dial somebody pass it. `read` may remember leaves.
 */
export function authenticatePeer(
  socket: TLSSocket,
  trustDomain: string,
  expected?: SpiffeId,
  read: ReadLeaf = verifyPeerLeaf,
): PeerVerdict {
  // A resumed session has no fresh proof; our contexts allow none (tls-settings.ts), a foreign one might.
  if (!socket.authorized || socket.isSessionReused()) return reject("unverified");
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return reject("no_certificate");
  const verdict = read(certificate.raw, trustDomain);
  if (verdict.kind === "accepted" && expected !== undefined && verdict.id !== expected) {
    return reject("unexpected_identity");
  }
  return verdict;
}

function reject(reason: PeerRejection): PeerVerdict {
  return { kind: "rejected", reason };
}
