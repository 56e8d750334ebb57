/** Reads a certificate request of a stranger: the public key, and the proof that the sender holds its private half. */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { DerError, DerReader, derTag } from "./der-reader.ts";
import { oid } from "./oids.ts";
import { parsePem } from "./pem.ts";

export type CsrRejection =
  | "too_large"
  | "not_one_pem_block"
  | "malformed"
  | "key_type"
  | "bad_proof";

export type CsrVerdict =
  | {
      readonly kind: "accepted";
      /** The uncompressed point, 65 bytes: all of the request that goes into a certificate. */
      readonly publicPoint: Buffer;
      readonly publicKey: KeyObject;
    }
  | { readonly kind: "rejected"; readonly reason: CsrRejection };

/** A P-256 request with one name has about 400 characters; extensions that we ignore may take some more. */
export const maxCsrCharacters = 8_192;

/**
 * Takes one PEM block, strictly; P-256 with ecdsa-with-SHA256 only. Subject, attributes and extensions are skipped:
 * nothing that the request asks for can reach a certificate.
 */
export function checkCsr(pem: string): CsrVerdict {
  if (pem.length > maxCsrCharacters) return reject("too_large");
  const blocks = parsePem(pem);
  const [block] = blocks ?? [];
  if (block === undefined || blocks?.length !== 1) return reject("not_one_pem_block");
  if (block.label !== "CERTIFICATE REQUEST" && block.label !== "NEW CERTIFICATE REQUEST") {
    return reject("not_one_pem_block");
  }
  try {
    return checkProof(readRequest(block.der));
  } catch (error) {
    if (error instanceof DerError) return reject("malformed");
    throw error;
  }
}

interface RequestParts {
  /** The signed bytes as they came; a signature over a re-encoding would prove nothing. */
  readonly info: Buffer;
  readonly spki: Buffer;
  readonly signatureAlgorithm: string;
  readonly signature: Buffer;
}

function readRequest(der: Buffer): RequestParts {
  const outer = new DerReader(der);
  const request = outer.enter(derTag.sequence);
  outer.finish();
  const info = request.whole(derTag.sequence);
  const algorithm = request.enter(derTag.sequence);
  const signatureAlgorithm = algorithm.oid();
  const signature = request.bitString();
  request.finish();
  const fields = new DerReader(info).enter(derTag.sequence);
  const version = fields.integer();
  if (version.length !== 1 || version[0] !== 0) throw new DerError("not version 1");
  fields.content(derTag.sequence);
  const spki = fields.whole(derTag.sequence);
  if (!fields.atEnd) fields.content(0xa0);
  fields.finish();
  return { info, spki, signatureAlgorithm, signature };
}

function checkProof(parts: RequestParts): CsrVerdict {
  const publicPoint = readP256Point(parts.spki);
  if (publicPoint === undefined || parts.signatureAlgorithm !== oid.ecdsaWithSha256) {
    return reject("key_type");
  }
  const publicKey = importKey(parts.spki);
  if (publicKey === undefined) return reject("key_type");
  const proven = verify(
    "sha256",
    parts.info,
    { key: publicKey, dsaEncoding: "der" },
    parts.signature,
  );
  return proven ? { kind: "accepted", publicPoint, publicKey } : reject("bad_proof");
}

/** Named curve and uncompressed point only (RFC 5480 2.1.1, 2.2). */
function readP256Point(spki: Buffer): Buffer | undefined {
  const fields = new DerReader(spki).enter(derTag.sequence);
  const algorithm = fields.enter(derTag.sequence);
  const isP256 =
    algorithm.oid() === oid.ecPublicKey &&
    algorithm.peek() === derTag.objectIdentifier &&
    algorithm.oid() === oid.prime256v1 &&
    algorithm.atEnd;
  const point = fields.bitString();
  fields.finish();
  return isP256 && point.length === 65 && point[0] === 4 ? point : undefined;
}

/** OpenSSL refuses a point that is not on the curve. */
function importKey(spki: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: spki, format: "der", type: "spki" });
  } catch {
    return undefined;
  }
}

function reject(reason: CsrRejection): CsrVerdict {
  return { kind: "rejected", reason };
}
