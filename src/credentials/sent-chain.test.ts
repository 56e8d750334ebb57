import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestAuthority, issueTestLeaf } from "../../test/proxy/mesh-pair.ts";
import type { SpiffeId } from "../core/spiffe-id.ts";
import { parsePem } from "../protocol/x509/pem.ts";
import { sentChain } from "./sent-chain.ts";

const id = "spiffe://cluster.local/ns/shop/sa/web" as SpiffeId;
const authority = createTestAuthority();
const other = createTestAuthority();
const { cert } = issueTestLeaf(authority, id);
const derOf = (pem: string): Buffer[] => (parsePem(pem) ?? []).map(({ der }) => der);

test("a leaf right below an anchor is sent with the anchor that issued it", () => {
  const sent = sentChain(cert, other.pem + authority.pem);
  assert.deepEqual(derOf(sent), [...derOf(cert), ...derOf(authority.pem)]);
});

test("a leaf that no anchor issued is sent as it is", () => {
  assert.equal(sentChain(cert, other.pem), cert);
});

test("a chain of several certificates is sent as it is", () => {
  const chain = cert + other.pem;
  assert.equal(sentChain(chain, authority.pem), chain);
});
