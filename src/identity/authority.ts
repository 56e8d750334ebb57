/** What issues: a key, its certificate, the certificates above it and the roots; checked once, then used for every leaf. */
import { type KeyObject, X509Certificate } from "node:crypto";
import { buildLeaf, issuerOf, type LeafFields } from "../protocol/x509/certificate-build.ts";
import { parseCertificateFacts } from "../protocol/x509/certificate-facts.ts";
import { certificateFingerprint } from "../protocol/x509/fingerprint.ts";
import { encodePem } from "../protocol/x509/pem.ts";

export interface Authority {
  /** The fingerprint of the issuing certificate, to tell authorities apart in logs and metrics. */
  readonly id: string;
  /** The fingerprint of the root that the chain ends in, and those of all roots. */
  readonly root: string;
  readonly roots: readonly string[];
  /** The certificates between leaf and root, nearest first, as PEM; empty when the root itself issues. */
  readonly intermediates: readonly string[];
  /** Every root as PEM, one text. */
  readonly rootPem: string;
  /** Wall times between which each certificate of the chain is valid; no leaf reaches beyond. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Gives the leaf as PEM. */
  issueLeaf(fields: LeafFields): string;
}

export interface AuthorityParts {
  readonly privateKey: KeyObject;
  /** The issuing certificate first, then those above it, without the roots. May be one root alone. */
  readonly chain: readonly Buffer[];
  readonly roots: readonly Buffer[];
}

/** Throws an Error whose message says what does not fit. */
export function createAuthority(parts: AuthorityParts, trustDomain: string): Authority {
  const roots = parts.roots.map((der) => readAuthorityCertificate(der, "root", trustDomain));
  const chain = parts.chain.map((der) => readAuthorityCertificate(der, "issuer", trustDomain));
  const [first] = chain;
  if (first === undefined) throw new Error("no issuing certificate");
  if (roots.length === 0) throw new Error("no root certificate");
  if (parts.privateKey.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    throw new Error("the issuing key is not a P-256 key");
  }
  if (!first.certificate.checkPrivateKey(parts.privateKey)) {
    throw new Error("the issuing certificate does not belong to the issuing key");
  }
  const root = followChain(chain, roots);
  const issuer = issuerOf(parts.privateKey, first.subject, first.keyId);
  const all = [...chain, root];
  return {
    id: certificateFingerprint(first.der),
    root: certificateFingerprint(root.der),
    roots: roots.map(({ der }) => certificateFingerprint(der)),
    intermediates: chain
      .filter((entry) => !roots.some((other) => other.der.equals(entry.der)))
      .map((entry) => encodePem("CERTIFICATE", entry.der)),
    rootPem: roots.map((entry) => encodePem("CERTIFICATE", entry.der)).join(""),
    notBefore: Math.max(...all.map((entry) => entry.notBefore)),
    notAfter: Math.min(...all.map((entry) => entry.notAfter)),
    issueLeaf: (fields) => encodePem("CERTIFICATE", buildLeaf(fields, issuer)),
  };
}

interface AuthorityCertificate {
  readonly der: Buffer;
  readonly certificate: X509Certificate;
  readonly subject: Buffer;
  readonly keyId: Buffer;
  readonly notBefore: number;
  readonly notAfter: number;
}

function readAuthorityCertificate(
  der: Buffer,
  role: string,
  trustDomain: string,
): AuthorityCertificate {
  const facts = parseCertificateFacts(der);
  if (facts === undefined) throw new Error(`the ${role} certificate is not well formed`);
  if (!facts.isCa || facts.keyUsage?.certSign !== true) {
    throw new Error(`the ${role} certificate may not sign certificates`);
  }
  if (facts.subjectKeyId === undefined) {
    throw new Error(`the ${role} certificate has no subject key identifier`);
  }
  // X509-SVID.md 4.1: an authority may name its trust domain, and then it names that one.
  if (facts.uriSans.some((uri) => uri !== `spiffe://${trustDomain}`)) {
    throw new Error(`the ${role} certificate is for ${facts.uriSans.join()}, not ${trustDomain}`);
  }
  const { subject, notBefore, notAfter } = facts;
  const keyId = Buffer.from(facts.subjectKeyId, "hex");
  return { der, certificate: new X509Certificate(der), subject, keyId, notBefore, notAfter };
}

/** Checks every signature upwards and gives the root that the chain ends in. */
function followChain(
  chain: readonly AuthorityCertificate[],
  roots: readonly AuthorityCertificate[],
): AuthorityCertificate {
  for (const [index, entry] of chain.entries()) {
    const above = chain[index + 1];
    if (above === undefined) break;
    if (!isIssuedBy(entry, above)) {
      throw new Error("the issuing certificates do not follow one another");
    }
  }
  const last = chain.at(-1);
  const root = roots.find((candidate) => last !== undefined && isIssuedBy(last, candidate));
  if (root === undefined) throw new Error("no root certificate has signed the issuing certificate");
  return root;
}

function isIssuedBy(entry: AuthorityCertificate, above: AuthorityCertificate): boolean {
  return (
    entry.certificate.checkIssued(above.certificate) &&
    entry.certificate.verify(above.certificate.publicKey)
  );
}
