import assert from "node:assert/strict";
import { test } from "node:test";
import { KindState } from "./kind-state.ts";
import type { RawObject } from "./raw-object.ts";

function object(name: string, version: string, labels: Record<string, string> = {}): RawObject {
  return { metadata: { name, uid: `${name}-1`, resourceVersion: version, labels } };
}

function createState(): KindState<Readonly<Record<string, string>>> {
  return new KindState(({ metadata }) => metadata.labels);
}

test("an object whose kept part did not change stays the same one", () => {
  const state = createState();
  state.put(object("a", "1", { app: "web" }), new Map());
  const before = state.get("a");
  const delta = new Map();
  state.put(object("a", "2", { app: "web" }), delta);
  assert.equal(state.get("a"), before);
  assert.equal(delta.size, 0);
});

test("a list removes what it does not name, over all its pages", () => {
  const state = createState();
  for (const name of ["a", "b", "c"]) state.put(object(name, "1"), new Map());
  const delta = new Map();
  state.beginList();
  state.page([object("a", "1")], delta);
  state.page([object("c", "1"), object("d", "4")], delta);
  state.endList(delta);
  assert.deepEqual([...delta.keys()], ["d", "b"]);
  assert.deepEqual(
    Array.from(state.entries(), ([key]) => key),
    ["a", "c", "d"],
  );
});

test("what the trim does not want is not kept, even when it was wanted before", () => {
  const state = new KindState(({ metadata }) => metadata.labels?.["app"]);
  state.put(object("a", "1", { app: "web" }), new Map());
  const delta = new Map();
  state.put(object("a", "2"), delta);
  assert.deepEqual([...delta], [["a", undefined]]);
  assert.equal(state.size, 0);
});
