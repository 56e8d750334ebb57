import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openKeptFile } from "./kept-file.ts";

test("a kept file says what it says now, however short it has become, and after it is gone", (context) => {
  const path = join(tmpdir(), `remora-kept-${process.pid}`);
  context.after(() => rmSync(path, { force: true }));
  writeFileSync(path, "a long first text");
  const read = openKeptFile(path);
  assert.equal(read?.(), "a long first text");
  writeFileSync(path, "short");
  assert.equal(read?.(), "short");
  rmSync(path);
  assert.equal(read?.(), "short");
});

test("a file of the kernel that is longer than a page is read whole", () => {
  const text = openKeptFile("/proc/self/smaps")?.() ?? "";
  assert.ok(text.length > 4_096, `${text.length} bytes`);
});

test("a file that cannot be opened is undefined, and one that cannot be read is empty", () => {
  assert.equal(openKeptFile("/nowhere"), undefined);
  assert.equal(openKeptFile("/proc/self")?.(), "");
});
