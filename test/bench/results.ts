/** Results for tests of the report: a real run of the bench, with the figures that the test is about. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import type { MetricName } from "../../bench/measure/metric.ts";
import type { Results } from "../../bench/report/results.ts";

const folder = new URL("../../bench/results/", import.meta.url).pathname;

export function someResults(): Results {
  const file = readdirSync(folder).find((name) => name.endsWith("Z.json"));
  assert.ok(file !== undefined);
  return JSON.parse(readFileSync(`${folder}${file}`, "utf8")) as Results;
}

/** One round of one scenario, by peer. */
export function withFigures(
  scenario: string,
  metric: MetricName,
  figures: Readonly<Record<string, number>>,
): Results {
  return {
    ...someResults(),
    scenarios: [{ name: scenario, title: scenario, metrics: [metric] }],
    measurements: Object.entries(figures).map(([peer, figure]) => {
      return { scenario, peer, round: 0, sample: { [metric]: figure } };
    }),
  };
}
