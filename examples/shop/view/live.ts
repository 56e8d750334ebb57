/** The table of the running shop: drawn again and again on a terminal, a line now and then elsewhere. */

import { renderLine, renderScreen } from "../../../src/cli/traffic/table.ts";
import { type PodScrape, readTraffic } from "../../../src/cli/traffic/traffic.ts";
import type { Shop } from "../shop.ts";

/** A terminal can follow this, and rates over less jump. */
const terminalPeriod = 2_000;
const linePeriod = 5_000;

/** Runs until the signal is aborted. */
export async function showTraffic(shop: Shop, signal: AbortSignal): Promise<void> {
  const terminal = process.stdout.isTTY;
  let before = await look(shop);
  let then = performance.now();
  while (await pause(terminal ? terminalPeriod : linePeriod, signal)) {
    const after = await look(shop);
    const now = performance.now();
    const rows = readTraffic(before, after, (now - then) / 1_000);
    if (terminal) {
      const screen = renderScreen({ rows, pods: shop.pods(), width: process.stdout.columns });
      // Home, the screen with every line cleared to its end, and nothing below it: no flicker.
      process.stdout.write(`\x1b[H${screen.replaceAll("\n", "\x1b[K\n")}\x1b[K\x1b[J\n`);
    } else process.stdout.write(`${renderLine(rows)}\n`);
    before = after;
    then = now;
  }
}

async function look(shop: Shop): Promise<PodScrape[]> {
  const seen = await shop.scrape();
  return Array.from(seen, ([{ name, identity }, samples]) => ({ pod: name, identity, samples }));
}

/** False when the signal came first. */
function pause(millis: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(false);
    const timer = setTimeout(() => resolve(true), millis);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve(false);
      },
      { once: true },
    );
  });
}
