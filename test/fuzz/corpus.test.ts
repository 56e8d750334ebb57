/** Every decoder holds on its seeds and on each input that was kept because it once reached new code or broke something. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findTargets, readCorpus } from "./targets.ts";

for (const target of await findTargets()) {
  test(`${target.name} holds on everything that was kept for it`, () => {
    const inputs = [...target.seeds, ...readCorpus(target)];
    assert.ok(inputs.length > target.seeds.length, "no corpus: npm run fuzz -- --collect");
    for (const input of inputs) assert.doesNotThrow(() => target.run(Buffer.from(input)));
  });
}
