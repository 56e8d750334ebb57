/** Everything that one run of the bench found: written as JSON, and the source of every table. */
import type { MetricName, Sample } from "../measure/metric.ts";
import { type Summary, summarize } from "./statistics.ts";

export interface PeerRecord {
  readonly name: string;
  readonly description: string;
  readonly version?: string;
  readonly missing?: string;
}

export interface Measurement {
  readonly scenario: string;
  readonly peer: string;
  readonly round: number;
  readonly sample?: Sample;
  /** Why there is no sample. */
  readonly failure?: string;
}

export interface ScenarioRecord {
  readonly name: string;
  readonly title: string;
  readonly metrics: readonly MetricName[];
}

export interface Results {
  readonly date: string;
  readonly machine: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly seconds: number;
  readonly peers: readonly PeerRecord[];
  readonly scenarios: readonly ScenarioRecord[];
  readonly measurements: readonly Measurement[];
}

export function summaryOf(
  results: Results,
  scenario: string,
  peer: string,
  metric: MetricName,
): Summary | undefined {
  return summarize(
    results.measurements
      .filter((one) => one.scenario === scenario && one.peer === peer)
      .flatMap((one) => one.sample?.[metric] ?? []),
  );
}
