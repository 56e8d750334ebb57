/** Metric families as Prometheus text, by prom-client's registry alone. */
import type { Metric } from "prom-client";
import Registry from "prom-client/lib/registry.js";
import type { MetricFamily } from "./metrics.ts";

export interface MetricsText {
  readonly contentType: string;
  /** The text of all families as they stand now. */
  render(): Promise<string>;
}

/** Throws when two families have the same name. */
export function createMetricsText(families: Iterable<MetricFamily>): MetricsText {
  const registry = new Registry();
  // The registry only calls `get()` and reads `name`, which its types do not say.
  for (const family of families) registry.registerMetric(family as unknown as Metric);
  return { contentType: registry.contentType, render: () => registry.metrics() };
}
