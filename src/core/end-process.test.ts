import assert from "node:assert/strict";
import { test } from "node:test";
import { endProcess } from "./end-process.ts";

test("what nobody holds is collected before the process exits, so that no thread waits for that", async () => {
  const garbage = new WeakRef(Buffer.alloc(1_000));
  // A WeakRef keeps its target until the turn that made it has ended.
  await new Promise((resolve) => setImmediate(resolve));
  const exits: [code: number, garbage: Buffer | undefined][] = [];
  await endProcess({ exit: (code) => exits.push([code, garbage.deref()]) }, 7);
  assert.deepEqual(exits, [[7, undefined]]);
});
