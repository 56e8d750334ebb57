import assert from "node:assert/strict";
import { test } from "node:test";
import { findIdRange } from "./privileges.ts";

const text = "# made by useradd\nann:100000:65536\n1002:165536:65536\nbob:231072:1000\n";

test("subordinate ids are found by name and by number", () => {
  assert.deepEqual(findIdRange(text, "ann", 1001), { start: 100_000, count: 65_535 });
  assert.deepEqual(findIdRange(text, "eve", 1002), { start: 165_536, count: 65_535 });
});

test("a range that is too small for every uid of a pod is not used", () => {
  assert.equal(findIdRange(text, "bob", 1003), undefined);
  assert.equal(findIdRange("", "ann", 1001), undefined);
});
