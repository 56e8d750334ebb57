import assert from "node:assert/strict";
import { test } from "node:test";
import type { Wire } from "../transport/wire.ts";
import { trimAfterGrowth } from "./memory.ts";

test("memory is given back once for every 256 connections more", () => {
  const wires = new Set<Wire>();
  const tickers = new Set<() => void>();
  let trims = 0;
  trimAfterGrowth({ wires, tickers }, () => void (trims += 1));
  const tick = (open: number): number => {
    while (wires.size < open) wires.add({} as Wire);
    for (const wire of wires) if (wires.size > open) wires.delete(wire);
    for (const each of tickers) each();
    return trims;
  };
  assert.equal(tick(255), 0, "too few");
  assert.equal(tick(1_000), 1, "a burst");
  assert.equal(tick(1_255), 1, "the same connections are not counted again");
  assert.equal(tick(100), 1, "connections that end are no growth");
  assert.equal(tick(356), 2, "growth from where it was lowest");
});
