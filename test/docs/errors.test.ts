/** docs/errors.md is what operators read at night: it must say what the code does. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { ErrorCode } from "../../src/core/mesh-error.ts";
import { grpcStatusOf, rescue, responseFlag } from "../../src/proxy/http/rescue.ts";

const source = readFileSync("src/core/mesh-error.ts", "utf8");
const union = /export type ErrorCode =([^;]*);/.exec(source)?.[1] ?? "";
const codes = Array.from(union.matchAll(/"([a-z_]+)"/g), (match) => match[1] as ErrorCode);
const page = readFileSync("docs/errors.md", "utf8");

test("every error code has its row with what clients, metrics and logs see", () => {
  assert.ok(codes.length >= 20);
  for (const code of codes) {
    const { status, headers } = rescue({ code, detail: "" }, false);
    const error = /error=([a-z_]+)/.exec(headers.join(" "))?.[1];
    const row = page.split("\n").find((line) => line.startsWith(`| [\`${code}\`](#${code}) |`));
    const cells = row?.split("|").map((cell) => cell.trim().replaceAll("`", ""));
    assert.equal(cells?.[2], String(status), `${code}: HTTP status`);
    assert.equal(cells?.[3]?.split(" ")[0], String(grpcStatusOf(code)), `${code}: gRPC status`);
    assert.equal(cells?.[4], error, `${code}: Proxy-Status error`);
    assert.equal(cells?.[5], responseFlag(code), `${code}: flag`);
  }
});

test("every error code, and nothing else, has a section with what to do", () => {
  const sections = page.split(/^## /m).slice(1);
  assert.deepEqual(
    sections.map((section) => section.split("\n")[0]),
    codes,
  );
  for (const section of sections) assert.match(section, /\nWhat to do: /, section.slice(0, 40));
});

test("a code that no part of the program uses is marked as reserved, and no other", () => {
  const tables = ["src/core/mesh-error.ts", "src/proxy/http/rescue.ts"];
  const files = globSync("src/{protocol,credentials,proxy}/**/*.ts");
  const sources = files
    .filter((file) => !/\.(test|fuzz)\.ts$/.test(file) && !tables.includes(file))
    .map((file) => readFileSync(file, "utf8"));
  for (const section of page.split(/^## /m).slice(1)) {
    const code = section.split("\n")[0] ?? "";
    // `internal` is what toMeshError makes of everything that nobody foresaw.
    const used = code === "internal" || sources.some((text) => text.includes(`"${code}"`));
    assert.equal(section.includes("*Reserved:"), !used, code);
  }
});
