import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAge, formatTable } from "./table.ts";

test("columns are as wide as their widest cell, without blanks at the end of a line", () => {
  const text = formatTable([
    ["NAME", "AGE", "NOTE"],
    ["a", "1000s", ""],
  ]);
  assert.equal(text, "NAME   AGE     NOTE\na      1000s\n");
});

test("an age is told in the largest unit that says enough", () => {
  const hour = 3_600_000;
  const ages = [0, 119_000, 120_000, 2 * hour, 47 * hour, 48 * hour].map(formatAge);
  assert.deepEqual(ages, ["0s", "119s", "2m", "2h", "47h", "2d"]);
});
