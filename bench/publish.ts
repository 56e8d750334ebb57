/**
 * `npm run bench:publish -- FILE.json…`: writes the figures of one or several runs into the README and
 * docs/performance.md, and draws the chart.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { drawChart } from "./report/chart.ts";
import { performanceFigures, readmeFigures, replaceFigures } from "./report/figures.ts";
import { mergeResults, type Results } from "./report/results.ts";

const root = new URL("../", import.meta.url).pathname;
const chart = "docs/performance.svg";

if (import.meta.main) {
  const files = process.argv.slice(2);
  if (files.length === 0) {
    process.stderr.write("which results? bench/results/DATE.json…\n");
    process.exitCode = 64;
  } else publish(files);
}

/** Each file adds the scenarios that those before it left out. The words describe the run that has most of them. */
export function publish(files: readonly string[]): void {
  const results = mergeResults(
    files.map((file) => JSON.parse(readFileSync(file, "utf8")) as Results),
  );
  writeFileSync(`${root}${chart}`, `${drawChart(results)}\n`);
  rewrite("README.md", readmeFigures(results, chart));
  const reports = files.map((file) => basename(file).replace(/\.json$/, ".md"));
  rewrite("docs/performance.md", performanceFigures(results, reports));
}

function rewrite(document: string, figures: string): void {
  const path = `${root}${document}`;
  writeFileSync(path, replaceFigures(readFileSync(path, "utf8"), figures));
}
