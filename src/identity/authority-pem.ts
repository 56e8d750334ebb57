/** An authority from the texts that it is kept as, in files or in a Secret. */
import { createPrivateKey } from "node:crypto";
import { parsePem } from "../protocol/x509/pem.ts";
import { type Authority, createAuthority } from "./authority.ts";

export interface AuthorityPem {
  /** The issuing certificate, then those above it; a root at the end is passed over. */
  readonly chainPem: string;
  readonly privateKeyPem: string;
  readonly rootsPem: string;
}

/** Throws an Error whose message says what does not fit. */
export function parseAuthority(pem: AuthorityPem, trustDomain: string): Authority {
  const chain = readCertificates(pem.chainPem, "the issuing certificates are");
  const roots = readCertificates(pem.rootsPem, "the roots are");
  const withoutRoots = chain.filter(
    (der, index) => index === 0 || !roots.some((root) => root.equals(der)),
  );
  return createAuthority(
    { privateKey: createPrivateKey(pem.privateKeyPem), chain: withoutRoots, roots },
    trustDomain,
  );
}

/** The certificates of a text; `what` begins the sentence when it holds anything else. */
export function readCertificates(pem: string, what: string): readonly Buffer[] {
  const blocks = parsePem(pem);
  if (blocks === undefined || blocks.some(({ label }) => label !== "CERTIFICATE")) {
    throw new Error(`${what} not PEM certificates`);
  }
  return blocks.map(({ der }) => der);
}
