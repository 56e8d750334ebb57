import assert from "node:assert/strict";
import { test } from "node:test";
import { isNestedDeeper } from "./json-depth.ts";

const cases: readonly (readonly [string, number, boolean])[] = [
  ["", 0, false],
  ["1", 0, false],
  ["[]", 1, false],
  ["[]", 0, true],
  ['{"a":[{}]}', 3, false],
  ['{"a":[{}]}', 2, true],
  ["[[],[],[]]", 2, false],
  ['["[[[[", "{{{{"]', 1, false],
  [String.raw`["\"[[[", "\\", [1]]`, 2, false],
  [String.raw`["\\", [1]]`, 1, true],
  ['"[[[[', 0, false],
  ["]]]][[", 1, false],
];

test("nesting is counted outside of texts", () => {
  for (const [text, limit, deeper] of cases) {
    assert.equal(isNestedDeeper(Buffer.from(text), limit), deeper, `${text} at ${limit}`);
  }
});
