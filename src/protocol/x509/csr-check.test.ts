import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { test } from "node:test";
import { checkCsr, maxCsrCharacters } from "./csr-check.ts";
import { createCsr } from "./csr-request.ts";
import { derTag } from "./der-reader.ts";
import { encodeDer } from "./der-writer.ts";
import { oid } from "./oids.ts";
import { encodePem, parsePem } from "./pem.ts";

const uri = "spiffe://cluster.local/ns/shop/sa/web";
const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const good = createCsr(privateKey, uri);
const goodDer = decode(good);

function decode(pem: string): Buffer {
  const der = parsePem(pem)?.[0]?.der;
  assert(der !== undefined);
  return der;
}

function encodeCsr(der: Buffer): string {
  return encodePem("CERTIFICATE REQUEST", der);
}

interface Parts {
  readonly version?: number;
  readonly spki: Buffer;
  readonly attributes?: Buffer;
  readonly algorithm?: string;
  readonly key: KeyObject;
  readonly hash?: string;
}

/** A request with any parts, signed by the key. */
function assemble(parts: Parts): string {
  const info = encodeDer(
    derTag.sequence,
    encodeDer(derTag.integer, Buffer.of(parts.version ?? 0)),
    encodeDer(derTag.sequence),
    parts.spki,
    parts.attributes ?? encodeDer(0xa0),
  );
  const algorithm = Buffer.from(parts.algorithm ?? oid.ecdsaWithSha256, "hex");
  const isEd25519 = parts.key.asymmetricKeyType === "ed25519";
  const signature = sign(isEd25519 ? null : (parts.hash ?? "sha256"), info, parts.key);
  return encodeCsr(
    encodeDer(
      derTag.sequence,
      info,
      encodeDer(derTag.sequence, encodeDer(derTag.objectIdentifier, algorithm)),
      encodeDer(derTag.bitString, Buffer.of(0), signature),
    ),
  );
}

function spkiOf(key: KeyObject): Buffer {
  return key.export({ type: "spki", format: "der" });
}

test("a request made by this project is accepted with its own key", () => {
  const verdict = checkCsr(good);
  assert(verdict.kind === "accepted");
  assert.deepEqual(
    verdict.publicKey.export({ format: "jwk" }),
    publicKey.export({ format: "jwk" }),
  );
  assert.equal(verdict.publicPoint.length, 65);
});

test("the older label and Windows line ends are read as well", () => {
  const text = good.replaceAll("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");
  assert.equal(checkCsr(text.replaceAll("\n", "\r\n")).kind, "accepted");
});

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
const p224 = generateKeyPairSync("ec", { namedCurve: "P-224" });
const ed25519 = generateKeyPairSync("ed25519");
const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
const spki = spkiOf(publicKey);

/** A point that is not on the curve: the last byte of y is another. */
const offCurve = Buffer.from(spki);
offCurve[offCurve.length - 1] = (offCurve.at(-1) ?? 0) ^ 1;
const compressed = Buffer.concat([
  Buffer.from("3039301306072a8648ce3d020106082a8648ce3d030107032200", "hex"),
  Buffer.of(2),
  spki.subarray(27, 59),
]);
const brokenSignature = Buffer.from(goodDer);
brokenSignature[brokenSignature.length - 1] = (brokenSignature.at(-1) ?? 0) ^ 1;
/** The URI inside the signed part is another than the one that was signed. */
const changedInfo = Buffer.from(goodDer);
changedInfo[goodDer.indexOf("spiffe://") + 20] = 0x41;

const refused: readonly (readonly [string, string, string])[] = [
  ["an empty text", "", "not_one_pem_block"],
  ["something else than PEM", "hello", "not_one_pem_block"],
  ["two PEM blocks", good + good, "not_one_pem_block"],
  ["another label", good.replaceAll("CERTIFICATE REQUEST", "CERTIFICATE"), "not_one_pem_block"],
  ["text before the block", `x${good}`, "not_one_pem_block"],
  ["text after the block", `${good}x`, "not_one_pem_block"],
  ["a header inside the block", good.replace("\n", "\nProc-Type: 4\n\n"), "not_one_pem_block"],
  ["base64 with a foreign character", good.replace("\nM", "\n*"), "not_one_pem_block"],
  ["a block without its end", good.slice(0, 200), "not_one_pem_block"],
  ["more text than a request has", good + " ".repeat(maxCsrCharacters), "too_large"],
  ["a megabyte", "A".repeat(1_000_000), "too_large"],
  ["bytes after the request", encodeCsr(Buffer.concat([goodDer, Buffer.of(0)])), "malformed"],
  ["a request cut short", encodeCsr(goodDer.subarray(0, goodDer.length - 3)), "malformed"],
  ["an empty sequence", encodeCsr(Buffer.of(0x30, 0)), "malformed"],
  ["an indefinite length", encodeCsr(Buffer.of(0x30, 0x80, 0, 0)), "malformed"],
  ["a length longer than needed", encodeCsr(Buffer.of(0x30, 0x81, 0x01, 0x05)), "malformed"],
  ["a length of four gigabytes", encodeCsr(Buffer.from("3084ffffffff", "hex")), "malformed"],
  ["another version", assemble({ version: 1, spki, key: privateKey }), "malformed"],
  [
    "something behind the attributes",
    assemble({ spki, key: privateKey, attributes: Buffer.from("a0000500", "hex") }),
    "malformed",
  ],
  ["an RSA key", assemble({ spki: spkiOf(rsa.publicKey), key: rsa.privateKey }), "key_type"],
  ["a P-384 key", assemble({ spki: spkiOf(p384.publicKey), key: p384.privateKey }), "key_type"],
  ["a P-224 key", assemble({ spki: spkiOf(p224.publicKey), key: p224.privateKey }), "key_type"],
  [
    "an Ed25519 key",
    assemble({ spki: spkiOf(ed25519.publicKey), key: ed25519.privateKey }),
    "key_type",
  ],
  ["a point beside the curve", assemble({ spki: offCurve, key: privateKey }), "key_type"],
  ["a compressed point", assemble({ spki: compressed, key: privateKey }), "key_type"],
  [
    "a signature with another hash",
    assemble({ spki, key: privateKey, hash: "sha1", algorithm: "2a8648ce3d0401" }),
    "key_type",
  ],
  ["another's key", assemble({ spki, key: other.privateKey }), "bad_proof"],
  ["a changed signature", encodeCsr(brokenSignature), "bad_proof"],
  ["signed bytes that were changed", encodeCsr(changedInfo), "bad_proof"],
];

for (const [what, pem, reason] of refused) {
  test(`a request is refused: ${what}`, () => {
    assert.deepEqual(checkCsr(pem), { kind: "rejected", reason });
  });
}

test("no byte of a request can be changed without a refusal or the same key", () => {
  for (let index = 0; index < goodDer.length; index++) {
    const changed = Buffer.from(goodDer);
    changed[index] = (changed[index] ?? 0) ^ 0x55;
    const verdict = checkCsr(encodeCsr(changed));
    assert.equal(verdict.kind, "rejected", `byte ${index}`);
  }
});

test("a key read back from PKCS #8 makes a request too", () => {
  const pem = privateKey.export({ type: "pkcs8", format: "pem" });
  assert.equal(checkCsr(createCsr(createPrivateKey(pem), uri)).kind, "accepted");
});
