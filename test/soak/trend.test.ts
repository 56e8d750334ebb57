import assert from "node:assert/strict";
import { test } from "node:test";
import { trendOf } from "./trend.ts";

test("a straight line rises by what it says, whatever was before the start", () => {
  const line = Array.from({ length: 100 }, (_, seconds) => ({ seconds, value: 10 + 2 * seconds }));
  const samples = line.map((each) => (each.seconds < 20 ? { ...each, value: 1e6 } : each));
  const { rise, samples: counted } = trendOf(samples, 20);
  assert.equal(counted, 80);
  assert.ok(Math.abs(rise - 2 * 79) < 1e-6, `${rise}`);
});

test("what goes up and down by itself has no trend", () => {
  const samples = Array.from({ length: 1_000 }, (_, seconds) => ({ seconds, value: seconds % 10 }));
  assert.ok(Math.abs(trendOf(samples, 0).rise) < 0.5);
});

test("no samples have no trend", () => {
  assert.deepEqual(trendOf([], 0), { rise: 0, mean: 0, samples: 0 });
});
