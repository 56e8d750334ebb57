/** Private memory of a process: what one more sidecar on the node costs. */
import { readFileSync } from "node:fs";
import type { Pair } from "../peer.ts";

/**
 * `Anonymous` of smaps_rollup, in megabytes (10^6): heap, stacks and written pages that no other process can share.
 * File pages of the binary are left out: all sidecars of a node share them.
 */
export function privateMegabytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const kilobytes = /^Anonymous:\s+(\d+) kB$/m.exec(rollup)?.[1];
  if (kilobytes === undefined) throw new Error(`no Anonymous line in smaps_rollup of ${pid}`);
  return (Number(kilobytes) * 1024) / 1e6;
}

/** A pod holds one proxy that does both jobs; of the pair, the one with the harder job is the honest figure. */
export function largestMegabytes(pair: Pair): number {
  return Math.max(...[...pair.outbound, ...pair.inbound].map(({ pid }) => privateMegabytes(pid)));
}
