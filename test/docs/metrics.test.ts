/** docs/observability.md lists what a sidecar serves, no more and no less. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";

test("every metric of the sidecar has its row, and every row its metric", () => {
  const files = globSync("src/{proxy,credentials}/**/*.ts").filter(
    (file) => !file.endsWith(".test.ts"),
  );
  const sources = files.map((file) => readFileSync(file, "utf8")).join("\n");
  const served = Array.from(sources.matchAll(/"(remora_[a-z_]+)"/g), (match) => match[1]);
  const page = readFileSync("docs/observability.md", "utf8");
  const listed = Array.from(page.matchAll(/^\| `(remora_[a-z_]+)` \|/gm), (match) => match[1]);
  assert.deepEqual(new Set(listed), new Set(served));
  assert.equal(listed.length, new Set(listed).size, "a row stands there twice");
});
