/** The figures that the README and docs/performance.md show, made from one run: nobody types a number by hand. */
import { type MetricName, metrics } from "../measure/metric.ts";
import { budgetTable, table } from "./markdown.ts";
import { type Results, summaryOf } from "./results.ts";
import {
  type Behind,
  day,
  howMeasured,
  missedBudgets,
  missingPeers,
  whereBehind,
  whoHasWhat,
} from "./words.ts";

export interface Row {
  readonly label: string;
  readonly scenario: string;
  readonly metric: MetricName;
}

interface Column {
  readonly label: string;
  /** The best of them stands in the column: nobody is shown by his worse configuration. */
  readonly peers: readonly string[];
}

const remora: Column = { label: "Remora", peers: ["remora"] };

/** The peers of the README, with the words for the head of their column. */
const columns: readonly Column[] = [
  remora,
  { label: "HAProxy", peers: ["haproxy", "haproxy-h2", "haproxy-tcp"] },
  { label: "Envoy, bare", peers: ["envoy"] },
  { label: "Envoy, as a mesh has it", peers: ["envoy-full"] },
];

/** Those that took part, with their versions in the label. */
export function columnsOf(results: Results): readonly Column[] {
  return columns.flatMap(({ label, peers }) => {
    const record = results.peers.find(({ name, version }) => peers.includes(name) && version);
    if (record === undefined) return [];
    const version = /^\d+\.\d+/.exec(record.version ?? "")?.[0] ?? "";
    const name = label.replace(/^\w+/, (word) => `${word} ${version}`);
    return [{ label: peers === remora.peers ? label : name, peers }];
  });
}

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
  {
    label: "new mesh connection, µs of CPU",
    scenario: "handshakes-full",
    metric: "cpuPerHandshake",
  },
  { label: "p50 at half of capacity, ms", scenario: "http1-half", metric: "latencyP50" },
  { label: "p99 at half of capacity, ms", scenario: "http1-half", metric: "latencyP99" },
  { label: "private memory, idle, MB", scenario: "idle", metric: "memoryMax" },
  { label: "start to ready, ms", scenario: "idle", metric: "startToReady" },
];

/** Too slow for `--quick`: shown when a run that holds them is published too. */
const slowRows: readonly Row[] = [
  {
    label: "gRPC, a message of a long stream",
    scenario: "grpc-stream",
    metric: "cpuPerMessage",
  },
  {
    label: "private memory, 20 peers, 1,000 connections, 5,000 req/s, MB",
    scenario: "peers-20",
    metric: "memoryMaxLoaded",
  },
  {
    label: "private memory of an idle application connection, KB",
    scenario: "connections-1000",
    metric: "memoryPerIdleConnection",
  },
  {
    label: "private memory of a mesh connection, KB",
    scenario: "mesh-connections",
    metric: "memoryPerMeshConnection",
  },
];

const allRows: readonly Row[] = [...cpuRows, ...otherRows, ...slowRows];

/** The scenarios behind the README, and thus those of `--quick`. */
export const figureScenarios: readonly string[] = [
  ...new Set([...cpuRows, ...otherRows].map(({ scenario }) => scenario)),
];

/** The best median of a row among the peers that have one. */
export function figure(
  results: Results,
  row: Row,
  peers: readonly string[],
): { readonly median: number; readonly text: string } | undefined {
  const medians = peers.flatMap(
    (peer) => summaryOf(results, row.scenario, peer, row.metric)?.median ?? [],
  );
  if (medians.length === 0) return undefined;
  const median = best(row.metric, medians);
  return { median, text: median.toFixed(metrics[row.metric].digits) };
}

export function readmeFigures(results: Results, chart: string): string {
  const shown = columnsOf(results);
  const head = ["", ...shown.map(({ label }) => label)];
  const measured = allRows.map((row) => ({
    row,
    cells: shown.map((column) => ({ column, figure: figure(results, row, column.peers) })),
  }));
  const rows = measured.filter(({ cells }) => cells.some((cell) => cell.figure !== undefined));
  const lines = rows.map(({ row, cells }) => {
    const top = best(
      row.metric,
      cells.flatMap((cell) => cell.figure?.median ?? []),
    );
    const texts = cells.map((cell) => {
      if (cell.figure === undefined) return "-";
      return cell.figure.median === top ? `**${cell.figure.text}**` : cell.figure.text;
    });
    return [row.label, ...texts];
  });
  return [
    `![CPU per request and hop of Remora, HAProxy and Envoy](${chart})`,
    howMeasured(results),
    table(head, lines),
    whoHasWhat,
    whereBehind(rows.flatMap(({ row, cells }) => behind(row, cells))),
    missedBudgets(results),
    ...missingPeers(results),
  ].join("\n\n");
}

/** How far Remora is behind the best of a row; nothing when it is the best, or took no part. */
function behind(
  row: Row,
  cells: readonly { readonly column: Column; readonly figure: ReturnType<typeof figure> }[],
): Behind[] {
  const own = cells.find(({ column }) => column.peers.includes("remora"))?.figure;
  if (own === undefined) return [];
  const ahead = cells
    .flatMap(({ column, figure: other }) => (other === undefined ? [] : [{ column, ...other }]))
    .toSorted((one, other) => worth(row.metric, one.median) - worth(row.metric, other.median))[0];
  if (ahead === undefined || ahead.median === own.median) return [];
  const factor = own.median / ahead.median;
  return [{ row: row.label, own: own.text, best: ahead.text, who: ahead.column.label, factor }];
}

function best(metric: MetricName, medians: readonly number[]): number {
  return metrics[metric].better === "lower" ? Math.min(...medians) : Math.max(...medians);
}

/** The less the better, whatever the metric. */
function worth(metric: MetricName, value: number): number {
  return metrics[metric].better === "lower" ? value : -value;
}

export function performanceFigures(results: Results, reports: readonly string[]): string {
  const { rounds, seconds } = results;
  const links = reports.map((report) => `[${report}](../bench/results/${report})`).join(", ");
  return [
    `The figures of the README are from ${links}: ${rounds} rounds of ${seconds} s on ${results.machine["processor"] ?? "an unknown processor"}, ${day(results)}. \`npm run bench\` writes such a report for every scenario, with the lowest and the
highest of the rounds. MB are 10^6 bytes, KB 10^3. Against the design's budgets:`,
    budgetTable(results).replace(/^### .*\n\n/, ""),
    ...missingPeers(results),
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
