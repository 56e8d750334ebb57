/** Results as Markdown, for the terminal and for a file. */
import { type MetricName, metrics } from "../measure/metric.ts";
import { judge, type Verdict } from "./budgets.ts";
import { type Measurement, type Results, type ScenarioRecord, summaryOf } from "./results.ts";

export function scenarioTable(results: Results, scenario: ScenarioRecord): string {
  const measured = results.measurements.filter((one) => one.scenario === scenario.name);
  const peers = results.peers.filter(({ name }) => measured.some(({ peer }) => peer === name));
  const shown = scenario.metrics.filter((metric) =>
    peers.some(({ name }) => summaryOf(results, scenario.name, name, metric) !== undefined),
  );
  const rows = peers.map(({ name }) => [
    name,
    ...shown.map((metric) => cell(results, scenario.name, name, metric)),
  ]);
  const head = [
    "peer",
    ...shown.map((metric) =>
      `${metrics[metric].title}, ${metrics[metric].unit}`.replace(/, $/, ""),
    ),
  ];
  return `### ${scenario.name}: ${scenario.title}\n\n${table(head, rows)}\n${abstentions(scenario)}${failures(measured)}`;
}

function failures(measured: readonly Measurement[]): string {
  return measured
    .flatMap(({ peer, failure }) => (failure === undefined ? [] : [[peer, failure] as const]))
    .map(([peer, failure]) => `\n- **${peer} failed**: ${oneLine(failure)}\n`)
    .join("");
}

function abstentions({ abstains = [] }: ScenarioRecord): string {
  return abstains.map(({ peer, why }) => `\n- ${peer} has no figure: ${why}\n`).join("");
}

export function report(results: Results): string {
  const machine = Object.entries(results.machine).map(([key, value]) => `${key} ${value}`);
  const peers = results.peers.map(({ name, description, version, missing }) => [
    name,
    missing === undefined ? (version ?? "") : `not installed: ${missing}`,
    description,
  ]);
  const parts = [
    `# Bench of ${results.date}`,
    `${machine.join(", ")}. Medians of ${results.rounds} rounds of ${results.seconds} s (lowest to highest), peers in turn within each round.`,
    table(["peer", "version", "what it is"], peers),
    ...results.scenarios.map((scenario) => scenarioTable(results, scenario)),
    budgetTable(results),
  ];
  return `${parts.join("\n\n")}\n`;
}

/** Empty when Remora did not take part. */
export function budgetTable(results: Results): string {
  const remora = results.peers.find(({ name }) => name === "remora");
  if (remora === undefined) return "";
  const rows = judge(results, remora.name).map((verdict) => [
    verdict.budget.scenario,
    verdict.budget.what,
    found(verdict),
    allowed(verdict),
    verdict.passed === undefined ? "no figure" : verdict.passed ? "pass" : "**fail**",
  ]);
  const head = ["scenario", "budget", "found", "allowed", "verdict"];
  return rows.length === 0 ? "" : `### Budgets\n\n${table(head, rows)}`;
}

/** What a budget is judged by: the ratio, where it is about one. */
export function figureOf({ budget, value, compared }: Verdict): string {
  if (value === undefined) return "-";
  const { unit, digits } = metrics[budget.metric];
  if (compared === undefined || budget.limit.kind === "value")
    return `${value.toFixed(digits)} ${unit}`;
  return `${(value / compared.value).toFixed(2)}x`;
}

export function failed({ errors }: Verdict): string {
  return errors > 0 ? `, ${errors.toFixed(0)} errors` : "";
}

/** The same with the figures behind it, and with the peer beside it. */
function found(verdict: Verdict): string {
  const { budget, value, compared } = verdict;
  const own = figureOf(verdict);
  if (value === undefined || compared === undefined) return `${own}${failed(verdict)}`;
  const { unit, digits } = metrics[budget.metric];
  const other = `${compared.peer} ${compared.value.toFixed(digits)}`;
  if (budget.limit.kind === "value") return `${own} (${other})${failed(verdict)}`;
  return `${own} (${value.toFixed(digits)} ${unit}; ${other})${failed(verdict)}`;
}

export function allowed({ budget }: Verdict): string {
  const { limit } = budget;
  if (limit.kind === "value" || limit.kind === "added")
    return `≤ ${limit.atMost} ${metrics[budget.metric].unit}`;
  return "atLeast" in limit ? `≥ ${limit.atLeast}x` : `≤ ${limit.atMost}x`;
}

function cell(results: Results, scenario: string, peer: string, metric: MetricName): string {
  const summary = summaryOf(results, scenario, peer, metric);
  if (summary === undefined) return "-";
  const { digits } = metrics[metric];
  const [median, min, max] = [summary.median, summary.min, summary.max].map((n) =>
    n.toFixed(digits),
  );
  return summary.rounds > 1 && min !== max ? `${median} (${min}–${max})` : `${median}`;
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, column) => (cells[column] ?? "").padEnd(width)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").slice(0, 400);
}
