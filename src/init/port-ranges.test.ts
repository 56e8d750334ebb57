import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePortRanges } from "./port-ranges.ts";

test("a list holds ports and ranges, with blanks where people put them", () => {
  assert.deepEqual(parsePortRanges(" 22, 8000-8099 ,9090,"), [
    { from: 22, to: 22 },
    { from: 8000, to: 8099 },
    { from: 9090, to: 9090 },
  ]);
  assert.deepEqual(parsePortRanges(""), []);
});

for (const text of ["http", "0", "65536", "80-", "-80", "90-80", "1-2-3", "80;81", "+80", "0x50"]) {
  test(`"${text}" is no list of ports`, () => {
    assert.throws(() => parsePortRanges(`22,${text}`), new RegExp(`got "`));
  });
}

test("a list that would slow down every connection is refused", () => {
  const many = Array.from({ length: 101 }, (_, index) => index + 1).join(",");
  assert.throws(() => parsePortRanges(many), /at most 100/);
});
