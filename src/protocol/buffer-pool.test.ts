import assert from "node:assert/strict";
import { test } from "node:test";
import { createBufferPool } from "./buffer-pool.ts";

test("a buffer is at least as large as asked for, in classes that double", () => {
  const pool = createBufferPool();
  const sizes = [1, 4_096, 4_097, 65_536, 65_537, 1_048_576].map(
    (bytes) => pool.take(bytes).length,
  );
  assert.deepEqual(sizes, [4_096, 4_096, 8_192, 65_536, 131_072, 1_048_576]);
  assert.equal(pool.take(3_000_000).length, 3_000_000);
});

test("what was given back is lent again, to one borrower", () => {
  const pool = createBufferPool();
  const buffer = pool.take(5_000);
  pool.give(buffer);
  assert.equal(pool.take(8_000), buffer);
  assert.notEqual(pool.take(8_000), buffer);
});

test("no more than the limit lies idle, and nothing after a clear", () => {
  const pool = createBufferPool();
  const buffers = [1, 2, 3].map(() => pool.take(1_048_576));
  for (const buffer of buffers) pool.give(buffer);
  const again = new Set([1, 2, 3].map(() => pool.take(1_048_576)));
  assert.equal(buffers.filter((buffer) => again.has(buffer)).length, 2);
  pool.give(buffers[0] as Buffer);
  pool.clear();
  assert.notEqual(pool.take(1_048_576), buffers[0]);
});

test("what the pool did not make is not lent", () => {
  const pool = createBufferPool();
  const foreign = Buffer.alloc(5_000);
  pool.give(foreign);
  assert.notEqual(pool.take(4_500), foreign);
});
