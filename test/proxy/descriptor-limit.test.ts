import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { test } from "node:test";
import { openDescriptorLimit } from "../../src/proxy/transport/descriptor-limit.ts";

test("the limit is seen while it changes, and when no descriptor is left", () => {
  const read = openDescriptorLimit();
  const before = read();
  assert.ok(before !== undefined && before > 200);
  setLimit(200);
  const held: number[] = [];
  try {
    assert.throws(() => {
      for (;;) held.push(openSync("/dev/null", "r"));
    }, /EMFILE/);
    assert.equal(read(), 200);
  } finally {
    for (const descriptor of held) closeSync(descriptor);
    setLimit(before);
  }
  assert.equal(read(), before);
});

function setLimit(soft: number): void {
  execFileSync("prlimit", ["--pid", `${process.pid}`, `--nofile=${soft}:`]);
}
