/** docs/observability.md lists what the programs serve, no more and no less. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";

const programs: readonly (readonly [string, string])[] = [
  ["sidecar", "src/{proxy,credentials}/**/*.ts"],
  ["injector", "injector/**/*.ts"],
  ["control program", "src/control/**/*.ts"],
];

for (const [program, pattern] of programs) {
  test(`every metric of the ${program} has its row, and every row its metric`, () => {
    const files = globSync(pattern).filter((file) => !file.endsWith(".test.ts"));
    const sources = files.map((file) => readFileSync(file, "utf8")).join("\n");
    const served = Array.from(sources.matchAll(/"(remora_[a-z_]+)"/g), (match) => match[1]);
    const page = readFileSync("docs/observability.md", "utf8");
    const sections = page.split(/^## /m);
    const section = sections.find((text) => text.startsWith(`Metrics of the ${program}\n`)) ?? "";
    const listed = Array.from(section.matchAll(/^\| `(remora_[a-z_]+)` \|/gm), (match) => match[1]);
    assert.deepEqual(new Set(listed), new Set(served));
    assert.equal(listed.length, new Set(listed).size, "a row stands there twice");
  });
}

test("every metric of identity has its row in docs/identity.md, and every row its metric", () => {
  const source = readFileSync("src/identity/metrics.ts", "utf8");
  const served = Array.from(source.matchAll(/"(remora_[a-z_]+)"/g), (match) => match[1]);
  const page = readFileSync("docs/identity.md", "utf8");
  const listed = Array.from(page.matchAll(/^\| `(remora_[a-z_]+)` \|/gm), (match) => match[1]);
  assert.deepEqual(new Set(listed), new Set(served));
});

test("every reason to refuse a token has its row in docs/identity.md", () => {
  const source = readFileSync("src/identity/token.ts", "utf8");
  const union = /export type TokenRejection =([^;]*);/.exec(source)?.[1] ?? "";
  const page = readFileSync("docs/identity.md", "utf8");
  const codes = Array.from(union.matchAll(/"([a-z_]+)"/g), (match) => match[1] ?? "");
  assert.ok(codes.length >= 13);
  for (const code of codes) assert.match(page, new RegExp(`^\\|.*\`${code}\``, "m"), code);
});
