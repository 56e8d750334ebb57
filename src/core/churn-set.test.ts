import assert from "node:assert/strict";
import { test } from "node:test";
import { ChurnSet } from "./churn-set.ts";

test("it holds what a Set would hold, however many come and go", () => {
  const churn = new ChurnSet<number>();
  const set = new Set<number>();
  for (let step = 0; step < 5_000; step += 1) {
    churn.add(step);
    set.add(step);
    const leaving = (step * 7) % (step + 1);
    assert.equal(churn.delete(leaving), set.delete(leaving));
    assert.equal(churn.size, set.size);
  }
  assert.ok(set.size > 0);
  assert.deepEqual(Array.from(churn), Array.from(set));
  for (const member of churn) assert.ok(churn.delete(member));
  assert.equal(churn.size, 0);
});
