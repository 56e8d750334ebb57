import assert from "node:assert/strict";
import { test } from "node:test";
import { createYoungGarbage, maxYoungGarbage } from "./young-garbage.ts";

function scene() {
  const memory = { outside: 10_000_000, collections: 0 };
  const look = createYoungGarbage({
    outside: () => memory.outside,
    collectYoung: () => void (memory.collections += 1),
  });
  look();
  return { memory, look };
}

test("what lives is no garbage", () => {
  const { memory, look } = scene();
  for (let n = 0; n < 100; n += 1) look();
  assert.equal(memory.collections, 0);
});

test("growth since the last collection is collected, once", () => {
  const { memory, look } = scene();
  memory.outside += maxYoungGarbage;
  look();
  assert.equal(memory.collections, 0);
  memory.outside += 1;
  look();
  assert.equal(memory.collections, 1);
  // V8's count falls later; what it says then is where the next growth begins, whether it fell or not.
  look();
  memory.outside += maxYoungGarbage;
  look();
  assert.equal(memory.collections, 1);
});

test("what others have collected is a new beginning", () => {
  const { memory, look } = scene();
  memory.outside = 0;
  look();
  memory.outside = maxYoungGarbage + 1;
  look();
  assert.equal(memory.collections, 1);
});
