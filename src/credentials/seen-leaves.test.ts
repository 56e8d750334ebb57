import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestAuthority, issueTestLeaf } from "../../test/proxy/mesh-pair.ts";
import type { SpiffeId } from "../core/spiffe-id.ts";
import { verifyPeerLeaf } from "../protocol/x509/peer-leaf.ts";
import { parsePem } from "../protocol/x509/pem.ts";
import { createSeenLeaves, maxSeenLeaves } from "./seen-leaves.ts";

const authority = createTestAuthority();

function leafOf(name: string): Buffer {
  const id = `spiffe://cluster.local/ns/shop/sa/${name}` as SpiffeId;
  const der = parsePem(issueTestLeaf(authority, id).cert)?.[0]?.der;
  assert.ok(der !== undefined);
  return der;
}

test("a leaf that was seen says what it said, and another one what it says itself", () => {
  const read = createSeenLeaves();
  const web = leafOf("web");
  const cart = leafOf("cart");
  for (const leaf of [web, cart, web, cart]) {
    assert.deepEqual(read(leaf, "cluster.local"), verifyPeerLeaf(leaf, "cluster.local"));
  }
  assert.equal(read(web, "cluster.local"), read(Buffer.from(web), "cluster.local"), "it is kept");
});

test("one changed byte is another leaf", () => {
  const read = createSeenLeaves();
  const web = leafOf("web");
  assert.equal(read(web, "cluster.local").kind, "accepted");
  const forged = Buffer.from(web);
  forged[forged.indexOf("web")] = 0x57;
  const verdict = read(forged, "cluster.local");
  assert.ok(verdict.kind === "accepted" && verdict.id.endsWith("/Web"));
});

test("a leaf that was accepted in one trust domain is foreign in another", () => {
  const read = createSeenLeaves();
  const web = leafOf("web");
  assert.equal(read(web, "cluster.local").kind, "accepted");
  assert.deepEqual(read(web, "other.example"), {
    kind: "rejected",
    reason: "foreign_trust_domain",
  });
  assert.equal(read(web, "cluster.local").kind, "accepted");
});

test("nothing is remembered beyond a leaf's end", () => {
  let now = Date.now();
  const read = createSeenLeaves(() => now);
  const web = leafOf("web");
  const before = read(web, "cluster.local");
  now += 3_600_000;
  assert.notEqual(read(web, "cluster.local"), before, "it was read again");
});

test("the first of more leaves than are kept is read again", () => {
  const read = createSeenLeaves();
  const web = leafOf("web");
  const at = web.indexOf("web");
  const other = (index: number): Buffer => {
    const leaf = Buffer.from(web);
    leaf.write(index.toString(36).padStart(3, "0"), at, "latin1");
    return leaf;
  };
  const first = read(web, "cluster.local");
  for (let index = 0; index < maxSeenLeaves - 1; index += 1) read(other(index), "cluster.local");
  assert.equal(read(web, "cluster.local"), first);
  read(other(maxSeenLeaves), "cluster.local");
  assert.notEqual(read(web, "cluster.local"), first);
});
