import assert from "node:assert/strict";
import { test } from "node:test";
import { dropOldest } from "./drop-oldest.ts";

test("what came first goes, and what was set again keeps its place", () => {
  const map = new Map([1, 2, 3, 4].map((key) => [key, "x"]));
  map.set(1, "y");
  dropOldest(map, 4);
  assert.equal(map.size, 4);
  dropOldest(map, 2);
  assert.deepEqual(Array.from(map.keys()), [3, 4]);
});
