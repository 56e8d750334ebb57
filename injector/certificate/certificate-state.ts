/**
 * What the Secret `remora-injector-certificate` says: the pair that replicas serve, during a rotation the pair that is
 * next, and the authorities that were trusted before. Every replica reads it, the one with the Lease writes it.
 */
import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { parsePem } from "../../src/protocol/x509/pem.ts";
import type { ServingPair } from "./make-pair.ts";

export interface CertificateState {
  readonly serving: ServingPair;
  /** Trusted already where the bundle was written, and served once it was. */
  readonly next: ServingPair | undefined;
  /** Authorities of pairs that a replica may still serve. */
  readonly previousCas: string;
}

/** Names of the Secret's entries; those of `serving` are what Kubernetes calls them in a Secret of TLS. */
const entries = {
  serving: { cert: "tls.crt", key: "tls.key", ca: "ca.crt" },
  next: { cert: "next.crt", key: "next.key", ca: "next-ca.crt" },
  previousCas: "previous-ca.crt",
} as const;

/** The data of a Secret, or undefined when replicas could not serve what it holds. */
export function readCertificateState(
  data: Readonly<Record<string, string>>,
): CertificateState | undefined {
  const serving = readPair(data, entries.serving);
  if (serving === undefined) return undefined;
  const previousCas = decode(data[entries.previousCas]);
  return {
    serving,
    next: readPair(data, entries.next),
    previousCas: splitCertificates(previousCas).join(""),
  };
}

export function encodeCertificateState(state: CertificateState): Readonly<Record<string, string>> {
  return {
    ...encodePair(state.serving, entries.serving),
    ...(state.next && encodePair(state.next, entries.next)),
    ...(state.previousCas !== "" && { [entries.previousCas]: encode(state.previousCas) }),
  };
}

/** What API servers must trust: whatever a replica serves now, was serving, or will serve next. */
export function bundleOf(state: CertificateState): string {
  return [state.serving.caPem, state.next?.caPem ?? "", state.previousCas].join("");
}

/** Wall time in milliseconds at which the pair ends. */
export function endOf(pair: ServingPair): number {
  return new X509Certificate(pair.certPem).validToDate.getTime();
}

/** Whether clients that look for these names accept the pair. */
export function isFor(pair: ServingPair, dnsNames: readonly string[]): boolean {
  const certificate = new X509Certificate(pair.certPem);
  return dnsNames.every((name) => certificate.checkHost(name) !== undefined);
}

/** The certificates of a text one by one; none when it is not PEM. */
export function splitCertificates(pem: string): readonly string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? [];
  return parsePem(pem) === undefined ? [] : blocks.map((block) => `${block.trimEnd()}\n`);
}

type PairEntries = (typeof entries)["serving" | "next"];

function readPair(
  data: Readonly<Record<string, string>>,
  names: PairEntries,
): ServingPair | undefined {
  const [certPem, keyPem, caPem] = [names.cert, names.key, names.ca].map((n) => decode(data[n]));
  if (!certPem || !keyPem || !caPem) return undefined;
  try {
    // OpenSSL refuses a key that is not the certificate's.
    createSecureContext({ cert: certPem, key: keyPem });
    const authority = new X509Certificate(caPem);
    const issued = new X509Certificate(certPem).verify(authority.publicKey);
    return issued ? { certPem, keyPem, caPem } : undefined;
  } catch {
    return undefined;
  }
}

function encodePair(pair: ServingPair, names: PairEntries): Record<string, string> {
  return {
    [names.cert]: encode(pair.certPem),
    [names.key]: encode(pair.keyPem),
    [names.ca]: encode(pair.caPem),
  };
}

function encode(text: string): string {
  return Buffer.from(text).toString("base64");
}

function decode(base64: string | undefined): string {
  return Buffer.from(base64 ?? "", "base64").toString("utf8");
}
