import assert from "node:assert/strict";
import { test } from "node:test";
import type { Wire } from "../transport/wire.ts";
import { trimAfterGrowth } from "./memory.ts";

/** Gives how often memory was given back so far, a second later and with so many connections open. */
function createTicks(): (open: number) => number {
  const wires = new Set<Wire>();
  const tickers = new Set<() => void>();
  let trims = 0;
  trimAfterGrowth({ wires, tickers }, () => void (trims += 1));
  return (open) => {
    while (wires.size < open) wires.add({} as Wire);
    for (const wire of wires) if (wires.size > open) wires.delete(wire);
    for (const each of tickers) each();
    return trims;
  };
}

test("memory is given back for every 256 connections more", () => {
  const tick = createTicks();
  assert.equal(tick(255), 0, "too few");
  assert.equal(tick(1_000), 1, "a burst");
  assert.equal(tick(1_255), 1, "the same connections are not counted again");
  assert.equal(tick(100), 1, "connections that end are no growth");
  assert.equal(tick(356), 2, "growth from where it was lowest");
});

test("and three times more while their work is compiled", () => {
  const tick = createTicks();
  const trims = Array.from({ length: 30 }, () => tick(1_000));
  assert.deepEqual(
    [0, 3, 4, 7, 8, 11, 12, 29].map((at) => trims[at]),
    [1, 1, 2, 2, 3, 3, 4, 4],
  );
});
