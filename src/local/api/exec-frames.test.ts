import assert from "node:assert/strict";
import { test } from "node:test";
import { createFrameReader, encodeFrame } from "./exec-frames.ts";

test("frames survive any split of the bytes", () => {
  const bytes = Buffer.concat([
    encodeFrame("stdin", "hello"),
    encodeFrame("stdin"),
    encodeFrame("exit", "7"),
  ]);
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const seen: string[] = [];
    const read = createFrameReader(({ kind, payload }) => {
      seen.push(`${kind}:${payload.toString()}`);
    });
    read(bytes.subarray(0, cut));
    read(bytes.subarray(cut));
    assert.deepEqual(seen, ["stdin:hello", "stdin:", "exit:7"]);
  }
});

test("bytes that are no frame are refused before anything is kept", () => {
  const read = createFrameReader(() => assert.fail("no frame"));
  assert.throws(() => read(Buffer.from([9, 0, 0, 0, 1])));
  assert.throws(() => createFrameReader(() => undefined)(Buffer.from([0, 0x7f, 0, 0, 0])));
});
