/** Certificate requests (PKCS #10, RFC 2986) as ztunnel makes them: empty subject, one critical SAN with one URI. */
import { createPublicKey, type KeyObject, sign } from "node:crypto";
import { derTag } from "./der-reader.ts";
import { encodeDer } from "./der-writer.ts";
import { oid } from "./oids.ts";
import { encodePem } from "./pem.ts";

/** The private key must be on P-256. The CA takes the name from the caller's token; this one is for foreign CAs. */
export function createCsr(privateKey: KeyObject, uri: string): string {
  const spki = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  const info = encodeDer(
    derTag.sequence,
    encodeDer(derTag.integer, Buffer.of(0)),
    encodeDer(derTag.sequence),
    spki,
    encodeDer(0xa0, encodeExtensionRequest(uri)),
  );
  const signature = sign("sha256", info, { key: privateKey, dsaEncoding: "der" });
  const csr = encodeDer(
    derTag.sequence,
    info,
    encodeDer(derTag.sequence, encodeOid(oid.ecdsaWithSha256)),
    encodeDer(derTag.bitString, Buffer.of(0), signature),
  );
  return encodePem("CERTIFICATE REQUEST", csr);
}

function encodeExtensionRequest(uri: string): Buffer {
  const names = encodeDer(derTag.sequence, encodeDer(0x86, Buffer.from(uri, "latin1")));
  const extension = encodeDer(
    derTag.sequence,
    encodeOid(oid.subjectAltName),
    encodeDer(derTag.boolean, Buffer.of(0xff)),
    encodeDer(derTag.octetString, names),
  );
  return encodeDer(
    derTag.sequence,
    encodeOid(oid.extensionRequest),
    encodeDer(derTag.set, encodeDer(derTag.sequence, extension)),
  );
}

function encodeOid(hex: string): Buffer {
  return encodeDer(derTag.objectIdentifier, Buffer.from(hex, "hex"));
}
