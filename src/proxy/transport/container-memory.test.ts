import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openContainerMemory } from "./container-memory.ts";

function createGroup(context: TestContext, files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "remora-group-"));
  context.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "memory"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), `${text}\n`);
  return root;
}

test("what is used is what cannot be dropped, in both versions of control groups", (context) => {
  const version2 = createGroup(context, {
    "memory.max": "1000",
    "memory.current": "900",
    "memory.stat": "anon 500\nfile 300\nactive_file 100\ninactive_file 200\nsock 100",
  });
  assert.deepEqual(openContainerMemory(version2)?.(), { used: 600, limit: 1_000 });
  const version1 = createGroup(context, {
    "memory/memory.limit_in_bytes": "1000",
    "memory/memory.usage_in_bytes": "700",
    "memory/memory.stat": "active_file 9\ntotal_active_file 100\ntotal_inactive_file 100",
  });
  assert.deepEqual(openContainerMemory(version1)?.(), { used: 500, limit: 1_000 });
});

test("both are what they are at the moment of the question", (context) => {
  const root = createGroup(context, { "memory.max": "1000", "memory.current": "100" });
  const read = openContainerMemory(root);
  writeFileSync(join(root, "memory.current"), "950\n");
  assert.deepEqual(read?.(), { used: 950, limit: 1_000 });
  writeFileSync(join(root, "memory.max"), "1900\n");
  assert.deepEqual(read?.(), { used: 950, limit: 1_900 }, "resized while it runs");
  writeFileSync(join(root, "memory.max"), "max\n");
  assert.deepEqual(read?.(), { used: 950, limit: Number.POSITIVE_INFINITY });
});

test("no limit is undefined", (context) => {
  const max = createGroup(context, { "memory.max": "max", "memory.current": "900" });
  assert.equal(openContainerMemory(max), undefined);
  const huge = { "memory/memory.limit_in_bytes": "9223372036854771712" };
  assert.equal(openContainerMemory(createGroup(context, huge)), undefined);
  assert.equal(openContainerMemory("/nowhere"), undefined);
});
