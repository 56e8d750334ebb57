import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { needsHelm, valueSets } from "./chart.ts";
import { goldenFile, renderGolden } from "./golden-file.ts";

describe("what the chart renders", needsHelm(), () => {
  for (const set of valueSets) {
    test(`with ${set} values is what was looked at (npm run golden renews it)`, async () => {
      assert.equal(await renderGolden(set), readFileSync(goldenFile(set), "utf8"));
    });
  }
});
