/** What is sent of a certificate's chain at each handshake. */
import { X509Certificate } from "node:crypto";
import { readAnchors } from "./chain-trust.ts";

/**
 * A leaf right below an anchor goes with the anchor. Given the leaf alone, OpenSSL looks for what is above it and checks
 * the signatures of that at every handshake, a twentieth of its cost, in order to send the same. `chainPem` is the leaf and
 * what is between it and the anchors of `anchorsPem`.
 */
export function sentChain(chainPem: string, anchorsPem: string): string {
  if (chainPem.indexOf(marker) !== chainPem.lastIndexOf(marker)) return chainPem;
  const leaf = new X509Certificate(chainPem);
  const above = readAnchors(anchorsPem).find(
    (anchor) => leaf.checkIssued(anchor) && leaf.verify(anchor.publicKey),
  );
  return above === undefined ? chainPem : chainPem + above.toString();
}

const marker = "-----BEGIN CERTIFICATE-----";
