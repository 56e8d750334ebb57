import assert from "node:assert/strict";
import { test } from "node:test";
import {
  idleRotation,
  nextRotation,
  type RotationFacts,
  type RotationState,
  recordEnds,
} from "./rotation.ts";

const quiet: RotationFacts = {
  now: 1_000,
  request: undefined,
  canRotate: true,
  issuer: "old",
  allKnowNewRoot: false,
  allIssueUnderNewRoot: false,
  leafLifetime: 60,
};
const asked = { request: { id: "a", force: false } };
const publishing: RotationState = { ...idleRotation, phase: "publishing", handled: "a", since: 1 };

function step(state: RotationState, facts: Partial<RotationFacts> = {}): RotationState {
  return nextRotation(state, { ...quiet, ...facts });
}

test("nothing happens unless somebody asks", () => {
  assert.equal(step(idleRotation), idleRotation);
});

test("a request is acted on once", () => {
  const begun = step(idleRotation, asked);
  assert.equal(begun.phase, "publishing");
  assert.equal(begun.since, 1_000);
  const done = { ...idleRotation, handled: "a" };
  assert.equal(step(done, asked), done);
});

test("a root whose key is not ours is not replaced, and the request is not kept", () => {
  const refused = step(idleRotation, { ...asked, canRotate: false });
  assert.equal(refused.phase, "idle");
  assert.equal(refused.handled, "a");
});

test("the issuer is not switched before everybody knows the new root, however long that takes", () => {
  assert.equal(step(publishing, { now: 1e12 }), publishing);
  assert.equal(step(publishing, { allKnowNewRoot: true }).phase, "switching");
});

test("force goes on without those who do not know, also when it is asked for later", () => {
  const forced = step(publishing, { request: { id: "b", force: true } });
  assert.equal(forced.phase, "switching");
  assert.equal(step({ ...publishing, force: true }).phase, "switching");
});

test("a second request without force changes nothing but that it was seen", () => {
  const state = step(publishing, { request: { id: "b", force: false } });
  assert.deepEqual(state, { ...publishing, handled: "b" });
});

test("the old root stays until a leaf that was issued at the last moment has ended", () => {
  const switching: RotationState = { ...publishing, phase: "switching" };
  assert.equal(step(switching, { issuer: "new" }), switching);
  const retiring = step(switching, { issuer: "new", allIssueUnderNewRoot: true });
  assert.equal(retiring.phase, "retiring");
  assert.equal(retiring.retireAt, 1_060);
  assert.equal(step(retiring, { now: 1_059 }), retiring);
  const idle = step(retiring, { now: 1_060 });
  assert.deepEqual([idle.phase, idle.retireAt, idle.handled], ["idle", undefined, "a"]);
});

test("longer leaves of any earlier issuer hold the old root longer, those of the new one do not", () => {
  const latestEnds = { older: 2_000, old: 1_500, new: 9_000 };
  const switching: RotationState = { ...publishing, phase: "switching", latestEnds };
  const retiring = step(switching, { issuer: "new", allIssueUnderNewRoot: true });
  assert.equal(retiring.retireAt, 2_000);
});

test("the latest end of each issuer is kept until it has passed", () => {
  const first = recordEnds(idleRotation, { a: 2_000, b: 500 }, 1_000);
  assert.deepEqual(first.latestEnds, { a: 2_000 });
  assert.equal(recordEnds(first, { a: 1_500 }, 1_000), first);
  assert.deepEqual(recordEnds(first, { c: 4_000 }, 3_000).latestEnds, { c: 4_000 });
});
