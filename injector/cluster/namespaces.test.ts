import assert from "node:assert/strict";
import { test } from "node:test";
import { createWatch } from "../../src/core/watch.ts";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import type { NamespaceMeta } from "../eligibility.ts";
import { createNamespaceAnnotations } from "./namespaces.ts";

const annotations = { "config.remora.dev/log-level": "debug" };
const shop = new Map([["shop", { annotations }]]);

function start(known: ReadonlyMap<string, NamespaceMeta> = new Map()) {
  const clock = createFakeClock();
  const namespaces = createWatch(known);
  return { clock, namespaces, found: createNamespaceAnnotations(namespaces, clock) };
}

test("a namespace that is known is answered at once", async () => {
  const { clock, found } = start(shop);
  assert.deepEqual(await found.find("shop"), annotations);
  assert.equal(clock.pending(), 0);
});

test("a namespace that comes a moment after its first pod is waited for", async () => {
  const { clock, namespaces, found } = start();
  const asked = found.find("shop");
  namespaces.set(new Map([["other", {}]]));
  namespaces.set(shop);
  assert.deepEqual(await asked, annotations);
  assert.equal(clock.pending(), 0);
});

test("nobody waits longer than a second, and not more than 200 at once", async () => {
  const { clock, found } = start();
  const asked = Array.from({ length: 200 }, () => found.find("shop"));
  assert.equal(await found.find("shop"), undefined);
  assert.equal(clock.pending(), 200);
  clock.advance(1_000);
  assert.deepEqual(new Set(await Promise.all(asked)), new Set([undefined]));
  void found.find("shop");
  assert.equal(clock.pending(), 1);
});
