/** Draws the traffic table: as a screen for a terminal, as single lines for everything else. */
import type { TrafficRow } from "./traffic.ts";

export interface PodAddress {
  readonly name: string;
  readonly metricsUrl: string;
}

export interface Screen {
  readonly rows: readonly TrafficRow[];
  readonly pods: readonly PodAddress[];
  /** Columns of the terminal. */
  readonly width: number;
}

const titles = ["SOURCE", "DESTINATION", "PROTOCOL", "REQ/S", "SUCCESS", "P50", "P99", "MTLS"];
/** The columns that hold figures stand at the right edge. */
const firstFigure = 3;
const lastFigure = 6;
const prefix = /^spiffe:\/\/[^/]+\//;

/** The whole screen, without a line feed at its end; no line is longer than the width. */
export function renderScreen(screen: Screen): string {
  const { lines: table, fits } = fitTable(screen.rows, screen.width);
  const domain = prefix.exec(screen.rows[0]?.source ?? "")?.[0];
  const lines = [...table];
  if (screen.rows.length === 0) lines.push("waiting for the first requests");
  if (!fits && domain !== undefined) lines.push("", `All names begin with ${domain}`);
  lines.push("", "METRICS");
  const nameWidth = Math.max(0, ...screen.pods.map((pod) => pod.name.length));
  for (const pod of screen.pods) lines.push(`${pod.name.padEnd(nameWidth)}  ${pod.metricsUrl}`);
  lines.push("", "Ctrl-C ends the mesh and removes everything that it made.");
  return lines.map((line) => line.slice(0, screen.width)).join("\n");
}

/** The table alone, a line feed behind each line; where it is too wide, names lose what all have in common. */
export function renderTable(rows: readonly TrafficRow[], width: number): string {
  return fitTable(rows, width)
    .lines.map((line) => `${line}\n`)
    .join("");
}

/** One line for logs and pipes: totals first, then what is wrong. */
export function renderLine(rows: readonly TrafficRow[]): string {
  const rate = rows.reduce((sum, row) => sum + row.rate, 0);
  const failing = rows.filter((row) => row.success !== undefined && row.success < 1);
  const plain = rows.filter((row) => row.mtls === false);
  const slowest = Math.max(0, ...rows.map((row) => row.p99 ?? 0));
  const facts = [
    `${rows.length} flows`,
    `${rate.toFixed(1)} req/s`,
    failing.length === 0 ? "all succeed" : `failing: ${failing.map(nameFlow).join(", ")}`,
    `slowest p99 ${formatSeconds(slowest)}`,
    plain.length === 0 ? "all mTLS" : `not mTLS: ${plain.map(nameFlow).join(", ")}`,
  ];
  return facts.join("  ");
}

/** Three significant figures in the unit that suits. */
export function formatSeconds(seconds: number | undefined): string {
  if (seconds === undefined) return "-";
  if (seconds >= 1) return `${seconds.toPrecision(3)} s`;
  if (seconds >= 0.001) return `${(seconds * 1e3).toPrecision(3)} ms`;
  return `${Math.round(seconds * 1e6)} µs`;
}

function nameFlow(row: TrafficRow): string {
  return `${shorten(row.source)} → ${shorten(row.destination)} (${row.protocol})`;
}

/** With whole names where they fit, else with short ones. */
function fitTable(rows: readonly TrafficRow[], width: number) {
  const full = layOut(rows, false);
  const fits = Math.max(...full.map((line) => line.length)) <= width;
  return { lines: fits ? full : layOut(rows, true), fits };
}

function layOut(rows: readonly TrafficRow[], short: boolean): string[] {
  const name = short ? (text: string) => text.replace(prefix, "") : (text: string) => text;
  const cells = [
    titles,
    ...rows.map((row) => [
      name(row.source),
      name(row.destination),
      row.protocol,
      row.rate.toFixed(1),
      row.success === undefined ? "-" : formatShare(row.success),
      formatSeconds(row.p50),
      formatSeconds(row.p99),
      formatMtls(row.mtls),
    ]),
  ];
  const widths = titles.map((_, column) =>
    Math.max(...cells.map((line) => (line[column] ?? "").length)),
  );
  return cells.map((line) =>
    line
      .map((cell, column) => align(cell, column, widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function align(cell: string, column: number, width: number): string {
  const figure = column >= firstFigure && column <= lastFigure;
  return figure ? cell.padStart(width) : cell.padEnd(width);
}

/** Never rounds a failure away: 100 % means that all succeeded. */
function formatShare(share: number): string {
  return share === 1 ? "100 %" : `${(Math.floor(share * 1e4) / 100).toFixed(2)} %`;
}

function shorten(identity: string): string {
  return identity.split("/").at(-1) ?? identity;
}

function formatMtls(mtls: boolean | undefined): string {
  if (mtls === undefined) return "-";
  return mtls ? "yes" : "NO";
}
