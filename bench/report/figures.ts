/** The figures that the README and docs/performance.md show, made from one run: nobody types a number by hand. */
import { type MetricName, metrics } from "../measure/metric.ts";
import { budgetTable, table } from "./markdown.ts";
import { type Results, summaryOf } from "./results.ts";

export interface Row {
  readonly label: string;
  readonly scenario: string;
  readonly metric: MetricName;
}

/** The peers of the README, with the words for the head of their column; `or` names who takes a traffic that the first does not. */
export const columns: readonly { readonly label: string; readonly peers: readonly string[] }[] = [
  { label: "Remora", peers: ["remora"] },
  { label: "HAProxy, h2 between", peers: ["haproxy-h2", "haproxy-tcp"] },
  { label: "Envoy, bare", peers: ["envoy"] },
  { label: "Envoy, as a mesh has it", peers: ["envoy-full"] },
];

export const cpuRows: readonly Row[] = [
  cpu("HTTP/1, 1 connection", "http1-1"),
  cpu("HTTP/1, 32 connections", "http1-32"),
  cpu("HTTP/1, 32 connections, 10 KB", "http1-32-10k"),
  cpu("HTTP/1, 256 connections", "http1-256"),
  cpu("HTTP/2, 8 × 8 streams", "h2-8x8"),
  cpu("gRPC unary, 8 × 8 calls", "grpc-8x8"),
];

const otherRows: readonly Row[] = [
  { label: "TCP, one connection, Gbit/s", scenario: "tcp-download", metric: "throughput" },
  { label: "CPU of a handshake, µs", scenario: "handshakes-full", metric: "cpuPerHandshake" },
  { label: "p99 at half of capacity, ms", scenario: "http1-half", metric: "latencyP99" },
  { label: "idle, private memory, MB", scenario: "idle", metric: "memoryMax" },
  { label: "start to ready, ms", scenario: "idle", metric: "startToReady" },
];

/** The scenarios behind the README, and thus those of `--quick`. */
export const figureScenarios: readonly string[] = [
  ...new Set([...cpuRows, ...otherRows].map(({ scenario }) => scenario)),
];

/** The median of a row for the first of the peers that has one. */
export function figure(
  results: Results,
  row: Row,
  peers: readonly string[],
): { readonly median: number; readonly text: string } | undefined {
  for (const peer of peers) {
    const summary = summaryOf(results, row.scenario, peer, row.metric);
    if (summary === undefined) continue;
    return { median: summary.median, text: summary.median.toFixed(metrics[row.metric].digits) };
  }
  return undefined;
}

export function readmeFigures(results: Results, chart: string): string {
  const head = ["", ...columns.map(({ label }) => label)];
  const rows = [...cpuRows, ...otherRows].flatMap((row) => {
    const cells = columns.map(({ peers }) => figure(results, row, peers));
    if (cells.every((cell) => cell === undefined)) return [];
    const medians = cells.flatMap((cell) => (cell === undefined ? [] : [cell.median]));
    const best =
      metrics[row.metric].better === "lower" ? Math.min(...medians) : Math.max(...medians);
    const text = cells.map((cell) => {
      if (cell === undefined) return "-";
      return cell.median === best ? `**${cell.text}**` : cell.text;
    });
    return [[row.label, ...text]];
  });
  return [
    `![CPU per request and hop of Remora, HAProxy and Envoy](${chart})`,
    `Beside peers on the same machine in one run (${day(results)}, ${results.machine["processor"] ?? "processor unknown"}, medians of
${results.rounds} rounds of ${results.seconds} s; \`npm run bench -- --quick\` measures it again, [docs/performance.md](docs/performance.md) explains it). A pair of proxies
with mutual TLS between them; the first rows are CPU microseconds per request and hop:`,
    table(head, rows),
    "Remora has its metrics and policy on and fetches its certificate and policies before it is ready; the others read theirs from a file.",
  ].join("\n\n");
}

export function performanceFigures(results: Results, report: string): string {
  const { rounds, seconds, peers } = results;
  const missing = peers.flatMap(({ name, missing: why }) =>
    why === undefined ? [] : [`${name} took no part: ${why}.`],
  );
  return [
    `The run behind the README is [${report}](../bench/results/${report}): ${rounds} rounds of ${seconds} s. Against the design's budgets:`,
    budgetTable(results).replace(/^### .*\n\n/, ""),
    ...missing,
  ].join("\n\n");
}

const begin = "<!-- figures:begin -->";
const end = "<!-- figures:end -->";

/** Throws an Error when the text has no place for figures. */
export function replaceFigures(text: string, figures: string): string {
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`no ${begin} before ${end}`);
  return `${text.slice(0, from + begin.length)}\n${figures}\n${text.slice(to)}`;
}

function cpu(label: string, scenario: string): Row {
  return { label, scenario, metric: "cpuPerRequest" };
}

function day(results: Results): string {
  return results.date.slice(0, 10);
}
