/**
 * Builds certificates of the one profile that OpenSSL, Go, webpki and Envoy all accept (X509-SVID.md): v3, P-256 with
 * ecdsa-with-SHA256, critical basic constraints and key usage, key identifiers, and one SPIFFE URI.
 */
import { createHash, type KeyObject, sign } from "node:crypto";
import {
  type Asn1,
  bitString,
  boolean,
  decode,
  encode,
  explicitTag,
  implicitTag,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  utf8String,
} from "./forge-values.ts";
import { keyUsageBit, oid } from "./oids.ts";

/** What an issuer contributes to every certificate; made once and used for all. */
export interface Issuer {
  readonly privateKey: KeyObject;
  readonly name: Asn1;
  readonly keyId: Buffer;
}

export interface CertificateFields {
  /** The uncompressed P-256 point of the subject's key. */
  readonly publicPoint: Buffer;
  /** From `createSerial`. */
  readonly serial: Uint8Array;
  /** Wall time in milliseconds; seconds are cut. */
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface LeafFields extends CertificateFields {
  readonly uri: string;
  /** Only for servers that clients without SPIFFE look up by name. */
  readonly dnsNames?: readonly string[];
}

export interface AuthorityFields extends CertificateFields {
  /** Must differ for every key: verifiers find issuers by name. */
  readonly commonName: string;
  readonly trustDomain: string;
  /** How many authorities may follow below this one; undefined sets no bound. */
  readonly pathLength: number | undefined;
}

/** X509-SVID.md leaf: empty subject, so the SAN is critical. Gives DER. */
export function buildLeaf(fields: LeafFields, issuer: Issuer): Buffer {
  return build(fields, issuer, sequence(), [
    extension(oid.keyUsage, true, bitString(Buffer.of(keyUsageBit.digitalSignature), 7)),
    extension(
      oid.extKeyUsage,
      false,
      sequence(objectIdentifier(oid.serverAuth), objectIdentifier(oid.clientAuth)),
    ),
    // An empty sequence: cA is false by default, and DER leaves defaults out.
    extension(oid.basicConstraints, true, sequence()),
    extension(oid.subjectAltName, true, names(fields.uri, fields.dnsNames ?? [])),
  ]);
}

/** An intermediate, or with the issuer `selfIssuer` made, a root. Gives DER. */
export function buildAuthority(fields: AuthorityFields, issuer: Issuer): Buffer {
  const pathLength =
    fields.pathLength === undefined ? [] : [integer(Buffer.of(fields.pathLength & 0x7f))];
  return build(fields, issuer, authorityName(fields.commonName), [
    extension(
      oid.keyUsage,
      true,
      bitString(Buffer.of(keyUsageBit.keyCertSign | keyUsageBit.crlSign), 1),
    ),
    extension(oid.basicConstraints, true, sequence(boolean(true), ...pathLength)),
    extension(oid.subjectAltName, false, names(`spiffe://${fields.trustDomain}`, [])),
  ]);
}

/** The issuer of a root that is about to sign itself. */
export function selfIssuer(privateKey: KeyObject, commonName: string, publicPoint: Buffer): Issuer {
  return { privateKey, name: authorityName(commonName), keyId: keyIdentifier(publicPoint) };
}

/** The issuer that a finished authority certificate makes; `subject` is its name as DER. */
export function issuerOf(privateKey: KeyObject, subject: Buffer, keyId: Buffer): Issuer {
  return { privateKey, name: decode(subject), keyId };
}

/** 16 random bytes as a positive integer in its shortest form: the top bit clear, the one below set. */
export function createSerial(random: (bytes: number) => Buffer): Buffer {
  const serial = random(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

/** RFC 7093 2, method 1: the first 160 bits of the SHA-256 of the key. */
export function keyIdentifier(publicPoint: Buffer): Buffer {
  return createHash("sha256").update(publicPoint).digest().subarray(0, 20);
}

/** The uncompressed point of a P-256 key. */
export function publicPointOf(publicKey: KeyObject): Buffer {
  const { x, y, crv } = publicKey.export({ format: "jwk" });
  if (crv !== "P-256" || x === undefined || y === undefined) throw new TypeError("not a P-256 key");
  return Buffer.concat([Buffer.of(4), Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
}

function build(
  fields: CertificateFields,
  issuer: Issuer,
  subject: Asn1,
  extensions: readonly Asn1[],
): Buffer {
  const subjectKeyId = octetString(keyIdentifier(fields.publicPoint));
  const authorityKeyId = sequence(implicitTag(0, issuer.keyId));
  const tbs = sequence(
    explicitTag(0, integer(Buffer.of(2))),
    integer(fields.serial),
    sequence(objectIdentifier(oid.ecdsaWithSha256)),
    issuer.name,
    sequence(time(fields.notBefore), time(fields.notAfter)),
    subject,
    p256Key(fields.publicPoint),
    explicitTag(
      3,
      sequence(
        ...extensions,
        extension(oid.subjectKeyIdentifier, false, subjectKeyId),
        extension(oid.authorityKeyIdentifier, false, authorityKeyId),
      ),
    ),
  );
  const signature = sign("sha256", encode(tbs), { key: issuer.privateKey, dsaEncoding: "der" });
  return encode(
    sequence(tbs, sequence(objectIdentifier(oid.ecdsaWithSha256)), bitString(signature)),
  );
}

function p256Key(publicPoint: Buffer): Asn1 {
  const algorithm = sequence(objectIdentifier(oid.ecPublicKey), objectIdentifier(oid.prime256v1));
  return sequence(algorithm, bitString(publicPoint));
}

function extension(name: string, critical: boolean, value: Asn1): Asn1 {
  const content = octetString(encode(value));
  return critical
    ? sequence(objectIdentifier(name), boolean(true), content)
    : sequence(objectIdentifier(name), content);
}

/** GeneralNames: [6] for the URI, [2] for DNS names. */
function names(uri: string, dnsNames: readonly string[]): Asn1 {
  return sequence(
    implicitTag(6, Buffer.from(uri, "latin1")),
    ...dnsNames.map((name) => implicitTag(2, Buffer.from(name, "latin1"))),
  );
}

function authorityName(commonName: string): Asn1 {
  const organization = sequence(objectIdentifier(oid.organizationName), utf8String("Remora"));
  const name = sequence(objectIdentifier(oid.commonName), utf8String(commonName));
  return sequence(set(organization), set(name));
}
