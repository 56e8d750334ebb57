/** The injector as a program. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { test } from "node:test";

test("the program ends with 64 and names what is not set", { timeout: 30_000 }, async (t) => {
  const child = spawn(process.execPath, ["src/bin/injector.ts"], {
    env: { PATH: process.env["PATH"] },
    stdio: ["ignore", "ignore", "pipe"],
  });
  t.after(() => child.kill("SIGKILL"));
  const closed = once(child, "close");
  const errors = await text(child.stderr);
  assert.deepEqual(await closed, [64, null]);
  assert.match(errors, /REMORA_INJECTOR_VERSION is not set/);
  assert.match(errors, /REMORA_INJECTOR_IMAGE is not set/);
});
