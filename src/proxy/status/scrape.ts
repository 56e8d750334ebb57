/** Turns the sidecar's numbers into Prometheus text. */
import { readFileSync } from "node:fs";
import type { Metric } from "prom-client";
// The package's index would load push gateway, cluster and default metrics: two megabytes that no pod needs.
import Registry from "prom-client/lib/registry.js";
import type { MetricFamily } from "../../core/metrics.ts";

export type Scrape = () => Promise<string>;

export function createScrape(families: readonly MetricFamily[]): Scrape {
  const registry = new Registry();
  for (const family of families) registry.registerMetric(family as unknown as Metric);
  return async () => await registry.metrics();
}

/** Anonymous memory of this process in bytes; undefined where the kernel does not tell. */
export function privateMemoryBytes(): number | undefined {
  try {
    const text = readFileSync("/proc/self/smaps_rollup", "latin1");
    const kilobytes = /^Anonymous:\s+(\d+) kB$/m.exec(text)?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1_024;
  } catch {
    return undefined;
  }
}
