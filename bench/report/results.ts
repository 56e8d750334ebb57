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
  /** Who has no figure by design, and why. */
  readonly abstains?: readonly { readonly peer: string; readonly why: string }[];
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

/**
 * One set of results of several runs. A scenario is taken whole from the first run that holds it, so that peers are only
 * ever compared within one run. Date, machine and rounds are those of the run with most scenarios.
 */
export function mergeResults(runs: readonly Results[]): Results {
  const [first, ...others] = runs.map(withoutMissing);
  if (first === undefined) throw new Error("no results to publish");
  const described = runs.toSorted((a, b) => b.scenarios.length - a.scenarios.length)[0] ?? first;
  const { date, machine, rounds, seconds } = described;
  const whole = others.reduce((merged, run) => {
    const added = run.scenarios.filter(
      ({ name }) => !merged.scenarios.some((known) => known.name === name),
    );
    const isAdded = ({ scenario }: Measurement) => added.some(({ name }) => name === scenario);
    const peers = run.peers.filter(
      ({ name }) => !merged.peers.some((known) => known.name === name),
    );
    return {
      ...merged,
      peers: [...merged.peers, ...peers],
      scenarios: [...merged.scenarios, ...added],
      measurements: [...merged.measurements, ...run.measurements.filter(isAdded)],
    };
  }, first);
  return { ...whole, date, machine, rounds, seconds };
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

/** A run that was cut short names scenarios that it did not come to. */
function withoutMissing(run: Results): Results {
  const measured = new Set(run.measurements.map(({ scenario }) => scenario));
  return { ...run, scenarios: run.scenarios.filter(({ name }) => measured.has(name)) };
}
