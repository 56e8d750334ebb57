/** What people compare certificates by. */
import { createHash } from "node:crypto";

/** 64 bits of the certificate's SHA-256, in hex: to tell certificates apart, never what a check relies on. */
export function certificateFingerprint(der: Uint8Array): string {
  return createHash("sha256").update(der).digest("hex").slice(0, 16);
}

/** The same for the same certificates in any order. */
export function bundleFingerprint(certificates: readonly Uint8Array[]): string {
  const fingerprints = certificates.map(certificateFingerprint).sort();
  return createHash("sha256").update(fingerprints.join()).digest("hex").slice(0, 16);
}
