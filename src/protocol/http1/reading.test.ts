import assert from "node:assert/strict";
import { test } from "node:test";
import { createMutator } from "../fuzz-mutator.ts";
import { compareReadings } from "./testing/compare.ts";
import { byteByByte, inOnePiece, randomly } from "./testing/fake-host.ts";
import { requestSeeds } from "./testing/seeds.ts";

test("ten thousand mutated connections are read as the naive reader reads them", () => {
  const mutator = createMutator(requestSeeds, 1);
  const verdicts = new Map<string, number>();
  for (let count = 0; count < 10_000; count += 1) {
    const input = mutator.next();
    const { verdict } = compareReadings(input, inOnePiece);
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    if (count % 10 === 0) compareReadings(input, randomly(count));
    if (count % 50 === 0) compareReadings(input, byteByByte);
  }
  for (const verdict of ["bad", "incomplete", "closed"]) {
    assert.ok((verdicts.get(verdict) ?? 0) > 100, `too few are ${verdict}`);
  }
});
