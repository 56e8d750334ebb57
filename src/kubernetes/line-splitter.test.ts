import assert from "node:assert/strict";
import { test } from "node:test";
import { createLineSplitter } from "./line-splitter.ts";

test("lines come out whole wherever the chunks are cut, characters of several bytes included", () => {
  const text = 'one\n\nzwö\n{"emoji":"🦈"}\nrest';
  const bytes = Buffer.from(text);
  for (let size = 1; size <= bytes.length; size += 1) {
    const lines: string[] = [];
    const splitter = createLineSplitter((line) => lines.push(line));
    for (let at = 0; at < bytes.length; at += size) splitter.push(bytes.subarray(at, at + size));
    assert.deepEqual(lines, ["one", "zwö", '{"emoji":"🦈"}'], `chunks of ${size}`);
  }
});

test("a line that never ends is refused", () => {
  const splitter = createLineSplitter(() => {});
  const chunk = Buffer.alloc(1024 * 1024, "a");
  for (let count = 0; count < 16; count += 1) splitter.push(chunk);
  assert.throws(() => splitter.push(chunk), /line of more than/);
});
