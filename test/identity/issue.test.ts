import assert from "node:assert/strict";
import { createPublicKey, X509Certificate } from "node:crypto";
import { after, before, test } from "node:test";
import { Metadata } from "@grpc/grpc-js";
import { verifyPeerLeaf } from "../../src/protocol/x509/peer-leaf.ts";
import {
  callIdentity,
  failureOf,
  type IdentityFixture,
  makeCsr,
  startFixture,
  webId,
} from "./identity-fixture.ts";

let fixture: IdentityFixture;
before(async () => {
  fixture = await startFixture({ environment: { REMORA_IDENTITY_MAX_LIFETIME: "2h" } });
});
after(() => fixture.close());

function readLeaf(chain: readonly string[]): X509Certificate {
  const [leaf] = chain;
  assert(leaf !== undefined);
  return new X509Certificate(leaf);
}

function lifetimeSeconds(leaf: X509Certificate): number {
  return (leaf.validToDate.getTime() - Date.now()) / 1_000;
}

test("a pod gets a chain of leaf, intermediate and root for the identity of its token", async () => {
  const { csr, keyPem } = makeCsr();
  const chain = await callIdentity(fixture.dial(), { token: fixture.token(), request: { csr } });
  const [leaf, intermediate, root] = chain.map((pem) => new X509Certificate(pem));
  assert(leaf && intermediate && root);
  assert.equal(chain.length, 3);
  assert.equal(chain[2], fixture.service.rootPem);
  assert(leaf.verify(intermediate.publicKey));
  assert(intermediate.verify(root.publicKey));
  assert(leaf.publicKey.equals(createPublicKey(keyPem)));
  const verdict = verifyPeerLeaf(leaf.raw, "cluster.local");
  assert(verdict.kind === "accepted");
  assert.equal(verdict.id, webId);
});

test("the name comes from the token, whatever the request asks for", async () => {
  const { csr } = makeCsr("spiffe://cluster.local/ns/kube-system/sa/admin");
  const chain = await callIdentity(fixture.dial(), { token: fixture.token(), request: { csr } });
  const verdict = verifyPeerLeaf(readLeaf(chain).raw, "cluster.local");
  assert(verdict.kind === "accepted");
  assert.equal(verdict.id, webId);
});

const lifetimes: readonly (readonly [string, bigint, number])[] = [
  ["one hour when the request asks for none", 0n, 3_600],
  ["one hour when the request asks for less than nothing", -5n, 3_600],
  ["what the request asks for", 600n, 600],
  ["no more than the configured most, for ten years asked", 315_360_000n, 7_200],
];
for (const [what, validityDuration, expected] of lifetimes) {
  test(`a certificate lasts ${what}`, async () => {
    const chain = await callIdentity(fixture.dial(), {
      token: fixture.token(),
      request: { validityDuration },
    });
    const leaf = readLeaf(chain);
    assert(Math.abs(lifetimeSeconds(leaf) - expected) < 30);
    const age = (Date.now() - leaf.validFromDate.getTime()) / 1_000;
    assert(age >= 119 && age < 150, "back-dated by two minutes");
  });
}

function metadataOf(...values: readonly string[]): Metadata {
  const metadata = new Metadata();
  for (const value of values) metadata.add("authorization", value);
  return metadata;
}

const { csr } = makeCsr();
const refusals: readonly (readonly [
  string,
  () => Parameters<typeof callIdentity>[1],
  string,
  string,
])[] = [
  ["no token", () => ({}), "UNAUTHENTICATED", "token_missing"],
  [
    "another scheme",
    () => ({ metadata: metadataOf("Basic abc") }),
    "UNAUTHENTICATED",
    "token_malformed",
  ],
  [
    "a token for another audience",
    () => ({ token: fixture.token({ audience: "istio-ca" }) }),
    "UNAUTHENTICATED",
    "token_audience",
  ],
  [
    "an expired token",
    () => ({ token: fixture.token({ lifetime: -1_000 as never }) }),
    "UNAUTHENTICATED",
    "token_expired",
  ],
  [
    "a changed token",
    () => ({ token: `${fixture.token().slice(0, -8)}AAAAAAAA` }),
    "UNAUTHENTICATED",
    "token_signature",
  ],
  [
    "no CSR",
    () => ({ token: fixture.token(), request: { csr: "" } }),
    "INVALID_ARGUMENT",
    "csr_not_one_pem_block",
  ],
  [
    "two CSRs",
    () => ({ token: fixture.token(), request: { csr: csr + csr } }),
    "INVALID_ARGUMENT",
    "csr_not_one_pem_block",
  ],
  [
    "a CSR of 20 KB",
    () => ({ token: fixture.token(), request: { csr: csr + " ".repeat(20_000) } }),
    "INVALID_ARGUMENT",
    "csr_too_large",
  ],
  [
    "another's name",
    () => ({
      token: fixture.token(),
      request: { metadata: { ImpersonatedIdentity: "spiffe://cluster.local/ns/a/sa/b" } },
    }),
    "PERMISSION_DENIED",
    "impersonation",
  ],
];
for (const [what, options, code, details] of refusals) {
  test(`a request is refused with its status: ${what}`, async () => {
    assert.deepEqual(await failureOf(callIdentity(fixture.dial(), options())), [code, details]);
  });
}

test("a message of a megabyte is refused before it is read", async () => {
  const request = { csr: "A".repeat(1_000_000) };
  const [code] = await failureOf(callIdentity(fixture.dial(), { token: fixture.token(), request }));
  assert.equal(code, "RESOURCE_EXHAUSTED");
});

test("an empty impersonation key, as Istio's clients send it, is no impersonation", async () => {
  const request = { metadata: { ImpersonatedIdentity: "", CertSigner: "" } };
  const chain = await callIdentity(fixture.dial(), { token: fixture.token(), request });
  assert.equal(chain.length, 3);
});

test("two hundred requests at once get two hundred different serials", async () => {
  const client = fixture.dial();
  const token = fixture.token();
  const calls = Array.from({ length: 200 }, () => callIdentity(client, { token }));
  const serials = new Set((await Promise.all(calls)).map((chain) => readLeaf(chain).serialNumber));
  assert.equal(serials.size, 200);
});

test("every answer leaves one audit line, and no line holds a token or a key", async () => {
  const token = fixture.token({ podName: "web-audit" });
  const before = fixture.logLines().length;
  await callIdentity(fixture.dial(), { token });
  await failureOf(callIdentity(fixture.dial(), { token, request: { csr: "x" } }));
  const lines = fixture
    .logLines()
    .slice(before)
    .map((line) => JSON.parse(line));
  const audits = lines.filter((line) => line.podName === "web-audit");
  assert.deepEqual(
    audits.map((line) => [line.msg, line.id, line.code]),
    [
      ["certificate issued", webId, undefined],
      ["certificate refused", undefined, "csr_not_one_pem_block"],
    ],
  );
  const all = fixture.logLines().join("\n");
  assert(!all.includes(token) && !all.includes("PRIVATE KEY") && !all.includes("eyJ"));
});

test("metrics count what was issued and why the rest was not", async () => {
  const response = await fetch(`http://127.0.0.1:${fixture.service.metricsPort}/metrics`);
  const text = await response.text();
  assert.match(text, /^remora_identity_certificates_issued_total \d{3}$/m);
  assert.match(text, /^remora_identity_requests_refused_total\{code="token_audience"\} 1$/m);
});
