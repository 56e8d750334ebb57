/**
 * Reads from a certificate's DER what decides about an identity (RFC 5280 4.1). Names are taken from the DER itself:
 * the printable subjectAltName of Node escapes and joins, and has been the door of several forged identities.
 */
import { DerError, DerReader, derTag } from "./der-reader.ts";
import { readDerTime } from "./der-time.ts";
import { keyUsageBit, oid } from "./oids.ts";

/** Kinds of public key that a peer may hold; `other` stands for every other. */
export type KeyKind = "P-256" | "P-384" | "rsa" | "other";

export interface CertificateFacts {
  /** Hexadecimal, as in the DER: a first byte of 00 stays. */
  readonly serial: string;
  /** Wall time in milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** The DER of the name; an empty one has two bytes. */
  readonly subject: Buffer;
  readonly keyKind: KeyKind;
  /** False for SHA-1, MD5 and everything that is not ECDSA or RSA with SHA-2. */
  readonly signatureStrong: boolean;
  readonly uriSans: readonly string[];
  readonly dnsSans: readonly string[];
  readonly sanCritical: boolean;
  readonly isCa: boolean;
  readonly keyUsage: KeyUsage | undefined;
  /** Object identifiers in the form of oids.ts. */
  readonly extKeyUsage: readonly string[] | undefined;
  readonly subjectKeyId: string | undefined;
  readonly authorityKeyId: string | undefined;
  readonly hasNameConstraints: boolean;
  readonly hasUnknownCritical: boolean;
}

export interface KeyUsage {
  readonly critical: boolean;
  readonly digitalSignature: boolean;
  /** keyCertSign or cRLSign: what only an authority may have. */
  readonly authority: boolean;
  readonly certSign: boolean;
}

/** An honest leaf has about 500 bytes; istiod's with an RSA key and long names 2 KB. */
export const maxCertificateBytes = 16_384;
/** RFC 5280 defines 17 extensions; go-spiffe and OpenSSL set no bound, so this is generous. */
const maxExtensions = 32;
/** A leaf of the mesh has one name, a serving certificate a handful. */
const maxNames = 64;

/** Gives undefined when the bytes are not one well-formed X.509 v3 certificate of a sane size. */
export function parseCertificateFacts(der: Buffer): CertificateFacts | undefined {
  if (der.length > maxCertificateBytes) return undefined;
  try {
    return readCertificate(der);
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

function readCertificate(der: Buffer): CertificateFacts {
  const outer = new DerReader(der);
  const certificate = outer.enter(derTag.sequence);
  outer.finish();
  const tbs = certificate.enter(derTag.sequence);
  const signatureOid = certificate.enter(derTag.sequence).oid();
  certificate.bitString();
  certificate.finish();

  const version = tbs.enterOptional(0xa0)?.integer();
  if (version?.length !== 1 || version[0] !== 2) throw new DerError("not version 3");
  const serial = tbs.integer().toString("hex");
  const innerSignatureOid = tbs.enter(derTag.sequence).oid();
  if (innerSignatureOid !== signatureOid) throw new DerError("two signature algorithms");
  tbs.skip(); // issuer: names of authorities are OpenSSL's business
  const validity = tbs.enter(derTag.sequence);
  const notBefore = readDerTime(validity);
  const notAfter = readDerTime(validity);
  const subject = tbs.whole(derTag.sequence);
  const keyKind = readKeyKind(tbs.enter(derTag.sequence));
  while (tbs.peek() === 0x81 || tbs.peek() === 0x82) tbs.skip();
  const extensions = readExtensions(tbs.enterOptional(0xa3));
  tbs.finish();
  const signatureStrong = strongSignatures.has(signatureOid);
  return { serial, notBefore, notAfter, subject, keyKind, signatureStrong, ...extensions };
}

const strongSignatures: ReadonlySet<string> = new Set([
  oid.ecdsaWithSha256,
  oid.ecdsaWithSha384,
  oid.ecdsaWithSha512,
  oid.sha256WithRsa,
  oid.sha384WithRsa,
  oid.sha512WithRsa,
  oid.rsaPss,
]);

function readKeyKind(spki: DerReader): KeyKind {
  const algorithm = spki.enter(derTag.sequence);
  const name = algorithm.oid();
  const key = spki.bitString();
  spki.finish();
  if (name === oid.ecPublicKey) {
    const curve = algorithm.oid();
    if (curve === oid.prime256v1) return "P-256";
    return curve === oid.secp384r1 ? "P-384" : "other";
  }
  // A modulus of 2048 bits: 256 bytes, the zero byte of its sign, the exponent and the headers.
  return name === oid.rsaEncryption && key.length >= 268 ? "rsa" : "other";
}

type ExtensionFacts = Omit<
  CertificateFacts,
  "serial" | "notBefore" | "notAfter" | "subject" | "keyKind" | "signatureStrong"
>;

function readExtensions(wrapper: DerReader | undefined): ExtensionFacts {
  const facts = {
    uriSans: [] as string[],
    dnsSans: [] as string[],
    sanCritical: false,
    isCa: false,
    keyUsage: undefined as KeyUsage | undefined,
    extKeyUsage: undefined as readonly string[] | undefined,
    subjectKeyId: undefined as string | undefined,
    authorityKeyId: undefined as string | undefined,
    hasNameConstraints: false,
    hasUnknownCritical: false,
  };
  if (wrapper === undefined) return facts;
  const list = wrapper.enter(derTag.sequence);
  wrapper.finish();
  const seen = new Set<string>();
  while (!list.atEnd) {
    const extension = list.enter(derTag.sequence);
    const name = extension.oid();
    const critical = extension.peek() === derTag.boolean && extension.boolean();
    const value = new DerReader(extension.content(derTag.octetString));
    extension.finish();
    // RFC 5280 4.2: no extension twice. Two SAN extensions are two readings.
    if (seen.has(name) || seen.size === maxExtensions) throw new DerError("too many extensions");
    seen.add(name);
    switch (name) {
      case oid.subjectAltName:
        facts.sanCritical = critical;
        readNames(value, facts.uriSans, facts.dnsSans);
        break;
      case oid.basicConstraints:
        facts.isCa = readIsCa(value);
        break;
      case oid.keyUsage:
        facts.keyUsage = readKeyUsage(value, critical);
        break;
      case oid.extKeyUsage:
        facts.extKeyUsage = readOids(value);
        break;
      case oid.subjectKeyIdentifier:
        facts.subjectKeyId = value.content(derTag.octetString).toString("hex");
        break;
      case oid.authorityKeyIdentifier:
        facts.authorityKeyId = readAuthorityKeyId(value);
        break;
      case oid.nameConstraints:
        facts.hasNameConstraints = true;
        break;
      case oid.certificatePolicies:
        break;
      default:
        facts.hasUnknownCritical ||= critical;
    }
  }
  return facts;
}

/** RFC 5280 4.2.1.6: [2] dNSName and [6] uniformResourceIdentifier are IA5Strings. */
function readNames(value: DerReader, uris: string[], dnsNames: string[]): void {
  const names = value.enter(derTag.sequence);
  value.finish();
  let count = 0;
  while (!names.atEnd) {
    if (++count > maxNames) throw new DerError("too many names");
    const tag = names.peek();
    if (tag === 0x86) uris.push(names.content(tag).toString("latin1"));
    else if (tag === 0x82) dnsNames.push(names.content(tag).toString("latin1"));
    else names.skip();
  }
}

function readIsCa(value: DerReader): boolean {
  const constraints = value.enter(derTag.sequence);
  value.finish();
  return constraints.peek() === derTag.boolean && constraints.boolean();
}

/** A bit string whose unused bits are counted in its first byte. */
function readKeyUsage(value: DerReader, critical: boolean): KeyUsage {
  const content = value.content(derTag.bitString);
  value.finish();
  const bits = content[1] ?? 0;
  const certSign = (bits & keyUsageBit.keyCertSign) !== 0;
  return {
    critical,
    digitalSignature: (bits & keyUsageBit.digitalSignature) !== 0,
    authority: certSign || (bits & keyUsageBit.crlSign) !== 0,
    certSign,
  };
}

function readOids(value: DerReader): readonly string[] {
  const list = value.enter(derTag.sequence);
  value.finish();
  const names: string[] = [];
  while (!list.atEnd) {
    if (names.length === maxNames) throw new DerError("too many usages");
    names.push(list.oid());
  }
  return names;
}

function readAuthorityKeyId(value: DerReader): string | undefined {
  const fields = value.enter(derTag.sequence);
  value.finish();
  return fields.peek() === 0x80 ? fields.content(0x80).toString("hex") : undefined;
}
