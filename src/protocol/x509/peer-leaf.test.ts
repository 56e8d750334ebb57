import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { derTag } from "./der-reader.ts";
import { encodeDer } from "./der-writer.ts";
import { oid } from "./oids.ts";
import { verifyPeerLeaf } from "./peer-leaf.ts";

const trustDomain = "cluster.local";
const id = "spiffe://cluster.local/ns/shop/sa/web";
const notAfter = Date.UTC(2031, 0, 1);
const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const p256 = publicKey.export({ type: "spki", format: "der" });

interface Leaf {
  readonly extensions: readonly Buffer[];
  readonly spki?: Buffer;
  readonly signature?: string;
  readonly innerSignature?: string;
  readonly version?: Buffer;
  readonly serial?: Buffer;
  readonly times?: readonly Buffer[];
  readonly trailing?: Buffer;
}

/** A certificate with any parts. Its signature is nothing: chains are OpenSSL's to check. */
function craft(leaf: Leaf): Buffer {
  const signature = leaf.signature ?? oid.ecdsaWithSha256;
  const tbs = encodeDer(
    derTag.sequence,
    leaf.version ?? encodeDer(0xa0, encodeDer(derTag.integer, Buffer.of(2))),
    encodeDer(derTag.integer, leaf.serial ?? Buffer.of(0x41)),
    algorithm(leaf.innerSignature ?? signature),
    encodeDer(derTag.sequence),
    encodeDer(
      derTag.sequence,
      ...(leaf.times ?? [utcTime("300101000000Z"), utcTime("310101000000Z")]),
    ),
    encodeDer(derTag.sequence),
    leaf.spki ?? p256,
    encodeDer(0xa3, encodeDer(derTag.sequence, ...leaf.extensions)),
  );
  return encodeDer(
    derTag.sequence,
    tbs,
    algorithm(signature),
    encodeDer(derTag.bitString, Buffer.of(0, 1)),
    leaf.trailing ?? Buffer.alloc(0),
  );
}

function algorithm(name: string): Buffer {
  return encodeDer(derTag.sequence, encodeDer(derTag.objectIdentifier, Buffer.from(name, "hex")));
}

function utcTime(text: string): Buffer {
  return encodeDer(derTag.utcTime, Buffer.from(text));
}

function extension(name: string, value: Buffer, critical = false): Buffer {
  return encodeDer(
    derTag.sequence,
    encodeDer(derTag.objectIdentifier, Buffer.from(name, "hex")),
    critical ? Buffer.of(derTag.boolean, 1, 0xff) : Buffer.alloc(0),
    encodeDer(derTag.octetString, value),
  );
}

function uris(...names: readonly (string | Buffer)[]): Buffer {
  return san(...names.map((name) => encodeDer(0x86, Buffer.from(name as string, "latin1"))));
}

function san(...names: readonly Buffer[]): Buffer {
  return extension(oid.subjectAltName, encodeDer(derTag.sequence, ...names), true);
}

function usage(bits: number, critical = true): Buffer {
  return extension(oid.keyUsage, encodeDer(derTag.bitString, Buffer.of(0, bits)), critical);
}

function extUsage(...names: readonly string[]): Buffer {
  const oids = names.map((name) => encodeDer(derTag.objectIdentifier, Buffer.from(name, "hex")));
  return extension(oid.extKeyUsage, encodeDer(derTag.sequence, ...oids));
}

function constraints(...parts: readonly Buffer[]): Buffer {
  return extension(oid.basicConstraints, encodeDer(derTag.sequence, ...parts), true);
}

const sign = usage(0x80);
const both = extUsage(oid.serverAuth, oid.clientAuth);
const standard = [sign, both, constraints(), uris(id)];
const rsa = (modulusLength: number): Buffer =>
  generateKeyPairSync("rsa", { modulusLength }).publicKey.export({ type: "spki", format: "der" });
const ec = (namedCurve: string): Buffer =>
  generateKeyPairSync("ec", { namedCurve }).publicKey.export({ type: "spki", format: "der" });
const named = (name: string): Leaf => ({ extensions: [sign, uris(name)] });
const caTrue = encodeDer(derTag.boolean, Buffer.of(0xff));

const accepted: readonly (readonly [string, Leaf])[] = [
  ["the profile of our own authority", { extensions: standard }],
  ["no extended key usage and no basic constraints", { extensions: [sign, uris(id)] }],
  [
    "keyEncipherment beside digitalSignature, as istiod issues",
    { extensions: [usage(0xa0), uris(id)] },
  ],
  [
    "a DNS name beside the URI",
    {
      extensions: [
        sign,
        san(encodeDer(0x82, Buffer.from("web")), encodeDer(0x86, Buffer.from(id))),
      ],
    },
  ],
  [
    "an RSA key of 2048 bits",
    { extensions: standard, spki: rsa(2048), signature: oid.sha256WithRsa },
  ],
  ["a P-384 key", { extensions: standard, spki: ec("P-384") }],
  [
    "an unknown extension that is not critical",
    { extensions: [...standard, extension("2a0304", Buffer.of(5, 0))] },
  ],
];

for (const [what, leaf] of accepted) {
  test(`a leaf names its holder: ${what}`, () => {
    assert.deepEqual(verifyPeerLeaf(craft(leaf), trustDomain), { kind: "accepted", id, notAfter });
  });
}

const rejected: readonly (readonly [string, Leaf, string])[] = [
  ["no name at all", { extensions: [sign] }, "no_uri_name"],
  [
    "a DNS name only",
    { extensions: [sign, san(encodeDer(0x82, Buffer.from("web")))] },
    "no_uri_name",
  ],
  ["two SPIFFE IDs", { extensions: [sign, uris(id, id)] }, "several_uri_names"],
  [
    "a SPIFFE ID and a web address",
    { extensions: [sign, uris(id, "http://a")] },
    "several_uri_names",
  ],
  ["a web address", named("https://cluster.local/ns/shop/sa/web"), "not_a_spiffe_id"],
  ["no path", named("spiffe://cluster.local"), "not_a_spiffe_id"],
  ["the root path", named("spiffe://cluster.local/"), "not_a_spiffe_id"],
  ["another path", named("spiffe://cluster.local/web"), "not_a_spiffe_id"],
  ["an upper-case trust domain", named("spiffe://Cluster.local/ns/shop/sa/web"), "not_a_spiffe_id"],
  ["an upper-case scheme", named("SPIFFE://cluster.local/ns/shop/sa/web"), "not_a_spiffe_id"],
  ["percent-encoding", named("spiffe://cluster.local/ns/shop/sa/w%2eb"), "not_a_spiffe_id"],
  ["a trailing slash", named(`${id}/`), "not_a_spiffe_id"],
  ["a port", named("spiffe://cluster.local:80/ns/shop/sa/web"), "not_a_spiffe_id"],
  ["a query", named(`${id}?x`), "not_a_spiffe_id"],
  ["a fragment", named(`${id}#x`), "not_a_spiffe_id"],
  ["user information", named("spiffe://a@cluster.local/ns/shop/sa/web"), "not_a_spiffe_id"],
  ["a dot segment", named("spiffe://cluster.local/ns/../sa/web"), "not_a_spiffe_id"],
  ["a NUL in the name", named(`${id}\0.evil`), "not_a_spiffe_id"],
  [
    "a letter that is not ASCII",
    named("spiffe://cluster.local/ns/shop/sa/w\u00e9b"),
    "not_a_spiffe_id",
  ],
  ["a line end behind the name", named(`${id}\n`), "not_a_spiffe_id"],
  ["more than 2048 bytes", named(`${id}${"b".repeat(2_048)}`), "not_a_spiffe_id"],
  ["another trust domain", named("spiffe://other.local/ns/shop/sa/web"), "foreign_trust_domain"],
  [
    "a longer trust domain",
    named("spiffe://cluster.local.evil/ns/shop/sa/web"),
    "foreign_trust_domain",
  ],
  ["CA:TRUE", { extensions: [sign, constraints(caTrue), uris(id)] }, "is_authority"],
  ["keyCertSign", { extensions: [usage(0x84), uris(id)] }, "is_authority"],
  ["cRLSign", { extensions: [usage(0x82), uris(id)] }, "is_authority"],
  [
    "name constraints",
    { extensions: [...standard, extension(oid.nameConstraints, Buffer.of(0x30, 0), true)] },
    "is_authority",
  ],
  ["no key usage", { extensions: [uris(id)] }, "key_usage"],
  ["a key usage that is not critical", { extensions: [usage(0x80, false), uris(id)] }, "key_usage"],
  ["no digitalSignature", { extensions: [usage(0x20), uris(id)] }, "key_usage"],
  ["clientAuth alone", { extensions: [sign, extUsage(oid.clientAuth), uris(id)] }, "ext_key_usage"],
  ["serverAuth alone", { extensions: [sign, extUsage(oid.serverAuth), uris(id)] }, "ext_key_usage"],
  [
    "an unknown critical extension",
    { extensions: [...standard, extension("2a0304", Buffer.of(5, 0), true)] },
    "unknown_critical_extension",
  ],
  ["an RSA key of 1024 bits", { extensions: standard, spki: rsa(1024) }, "key_type"],
  ["a P-224 key", { extensions: standard, spki: ec("P-224") }, "key_type"],
  ["SHA-1 with RSA", { extensions: standard, signature: "2a864886f70d010105" }, "signature_type"],
  ["MD5 with RSA", { extensions: standard, signature: "2a864886f70d010104" }, "signature_type"],
  ["ECDSA with SHA-1", { extensions: standard, signature: "2a8648ce3d0401" }, "signature_type"],
  ["two SAN extensions", { extensions: [sign, uris(id), uris(id)] }, "malformed"],
  [
    "a thousand names",
    { extensions: [sign, uris(...Array.from({ length: 1_000 }, () => "a:b"))] },
    "malformed",
  ],
  [
    "forty extensions",
    {
      extensions: Array.from({ length: 40 }, (_, index) =>
        extension(`2a03${(index + 1).toString(16).padStart(2, "0")}`, Buffer.alloc(0)),
      ),
    },
    "malformed",
  ],
  [
    "two signature algorithms",
    { extensions: standard, innerSignature: oid.ecdsaWithSha384 },
    "malformed",
  ],
  ["version 1", { extensions: standard, version: Buffer.alloc(0) }, "malformed"],
  ["an empty serial", { extensions: standard, serial: Buffer.alloc(0) }, "malformed"],
  ["a serial with needless bytes", { extensions: standard, serial: Buffer.of(0, 1) }, "malformed"],
  [
    "a time without seconds",
    { extensions: standard, times: [utcTime("3001010000Z"), utcTime("310101000000Z")] },
    "malformed",
  ],
  [
    "the thirteenth month",
    { extensions: standard, times: [utcTime("301301000000Z"), utcTime("310101000000Z")] },
    "malformed",
  ],
  ["bytes behind the signature", { extensions: standard, trailing: Buffer.of(5, 0) }, "malformed"],
  ["64 KB of name", named("a".repeat(60_000)), "too_large"],
];

for (const [what, leaf, reason] of rejected) {
  test(`a leaf names nobody: ${what}`, () => {
    assert.deepEqual(verifyPeerLeaf(craft(leaf), trustDomain), { kind: "rejected", reason });
  });
}

test("a leaf that was cut anywhere names nobody", () => {
  const der = craft({ extensions: standard });
  for (let length = 0; length < der.length; length++) {
    const verdict = verifyPeerLeaf(der.subarray(0, length), trustDomain);
    assert.deepEqual(verdict, { kind: "rejected", reason: "malformed" }, `${length} bytes`);
  }
});

test("a changed byte never throws and never gives another name of the trust domain", () => {
  const der = craft({ extensions: standard });
  for (let index = 0; index < der.length; index++) {
    for (const flip of [0x01, 0x80, 0xff]) {
      const changed = Buffer.from(der);
      changed[index] = (changed[index] ?? 0) ^ flip;
      const verdict = verifyPeerLeaf(changed, trustDomain);
      if (verdict.kind === "accepted") assert.match(verdict.id, /^spiffe:\/\/cluster\.local\/ns\//);
    }
  }
});
