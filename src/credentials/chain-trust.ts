/** Whether a peer that proved itself at its handshake would still be believed under today's trust bundle. */
import { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { parsePem } from "../protocol/x509/pem.ts";

/** The anchors of a bundle that OpenSSL has accepted. */
export function readAnchors(pem: string): readonly X509Certificate[] {
  return (parsePem(pem) ?? []).map(({ der }) => new X509Certificate(der));
}

/**
 * Follows the chain that the peer sent at its handshake up to an anchor. Its signatures were checked then; only whether
 * an anchor still stands above it can have changed. Costs some 100 µs, so it is for the rare day that anchors go.
 */
export function chainsToAnchor(socket: TLSSocket, anchors: readonly X509Certificate[]): boolean {
  let certificate = socket.getPeerX509Certificate();
  for (let depth = 0; certificate !== undefined && depth < maxDepth; depth += 1) {
    const below = certificate;
    if (anchors.some((anchor) => isIssuedBy(below, anchor))) return true;
    const above = certificate.issuerCertificate;
    certificate = above?.fingerprint256 === certificate.fingerprint256 ? undefined : above;
  }
  return false;
}

/** OpenSSL's own default is 100; ours have two. */
const maxDepth = 16;

function isIssuedBy(certificate: X509Certificate, anchor: X509Certificate): boolean {
  return certificate.checkIssued(anchor) && certificate.verify(anchor.publicKey);
}
