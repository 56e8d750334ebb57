import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";
import { test } from "node:test";
import {
  buildAuthority,
  buildLeaf,
  createSerial,
  issuerOf,
  keyIdentifier,
  publicPointOf,
  selfIssuer,
} from "./certificate-build.ts";
import { parseCertificateFacts } from "./certificate-facts.ts";
import { oid } from "./oids.ts";

const start = Date.UTC(2030, 0, 1);
const uri = "spiffe://cluster.local/ns/shop/sa/web";

function makeRoot(notAfter = Date.UTC(2060, 0, 1)) {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicPoint = publicPointOf(publicKey);
  const der = buildAuthority(
    {
      publicPoint,
      serial: createSerial(randomBytes),
      notBefore: start,
      notAfter,
      commonName: "Remora root 1",
      trustDomain: "cluster.local",
      pathLength: undefined,
    },
    selfIssuer(privateKey, "Remora root 1", publicPoint),
  );
  return { privateKey, publicPoint, der };
}

test("a leaf carries the profile that every verifier accepts", () => {
  const root = makeRoot();
  const rootFacts = parseCertificateFacts(root.der);
  assert(rootFacts?.subjectKeyId !== undefined);
  const issuer = issuerOf(
    root.privateKey,
    rootFacts.subject,
    Buffer.from(rootFacts.subjectKeyId, "hex"),
  );
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const der = buildLeaf(
    {
      publicPoint: publicPointOf(publicKey),
      serial: createSerial(randomBytes),
      notBefore: start,
      notAfter: start + 3_600_000,
      uri,
      dnsNames: ["web.shop.svc"],
    },
    issuer,
  );
  const facts = parseCertificateFacts(der);
  assert(facts !== undefined);
  assert.deepEqual(facts.uriSans, [uri]);
  assert.deepEqual(facts.dnsSans, ["web.shop.svc"]);
  assert.equal(facts.sanCritical, true);
  assert.equal(facts.isCa, false);
  assert.deepEqual(facts.keyUsage, {
    critical: true,
    digitalSignature: true,
    authority: false,
    certSign: false,
  });
  assert.deepEqual(facts.extKeyUsage, [oid.serverAuth, oid.clientAuth]);
  assert.equal(facts.subject.length, 2);
  assert.equal(facts.notBefore, start);
  assert.equal(facts.notAfter, start + 3_600_000);
  assert.equal(facts.authorityKeyId, keyIdentifier(root.publicPoint).toString("hex"));
  const parsed = new X509Certificate(der);
  const parsedRoot = new X509Certificate(root.der);
  assert.equal(parsed.verify(parsedRoot.publicKey), true);
  assert.equal(parsed.checkIssued(parsedRoot), true);
  assert.deepEqual(parsed.publicKey.export({ format: "jwk" }), publicKey.export({ format: "jwk" }));
});

test("a root signs itself, is an authority, and its end after 2049 is read back", () => {
  const root = makeRoot();
  const facts = parseCertificateFacts(root.der);
  assert.equal(facts?.isCa, true);
  assert.equal(facts?.keyUsage?.certSign, true);
  assert.deepEqual(facts?.uriSans, ["spiffe://cluster.local"]);
  assert.equal(facts?.notAfter, Date.UTC(2060, 0, 1));
  const parsed = new X509Certificate(root.der);
  assert.equal(parsed.ca, true);
  assert.equal(parsed.verify(createPublicKey(root.privateKey)), true);
  assert.equal(new Date(parsed.validTo).getTime(), Date.UTC(2060, 0, 1));
});

test("a serial is 16 bytes, positive and in its shortest form, whatever the random bytes are", () => {
  for (const fill of [0x00, 0x7f, 0x80, 0xff]) {
    const serial = createSerial((bytes) => Buffer.alloc(bytes, fill));
    assert.equal(serial.length, 16);
    const first = serial[0] ?? 0;
    assert(first >= 0x40 && first < 0x80);
  }
});

test("a path length of zero is written", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicPoint = publicPointOf(publicKey);
  const der = buildAuthority(
    {
      publicPoint,
      serial: createSerial(randomBytes),
      notBefore: start,
      notAfter: start + 1_000,
      commonName: "Remora issuer 1",
      trustDomain: "cluster.local",
      pathLength: 0,
    },
    selfIssuer(privateKey, "Remora issuer 1", publicPoint),
  );
  assert(der.includes(Buffer.from("30060101ff020100", "hex")));
});
