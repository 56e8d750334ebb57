/** `npm run bench:publish -- FILE.json`: writes a run's figures into the README and docs/performance.md, and the chart. */
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { drawChart } from "./report/chart.ts";
import { performanceFigures, readmeFigures, replaceFigures } from "./report/figures.ts";
import type { Results } from "./report/results.ts";

const root = new URL("../", import.meta.url).pathname;
const chart = "docs/performance.svg";

if (import.meta.main) {
  const [file] = process.argv.slice(2);
  if (file === undefined) {
    process.stderr.write("which results? bench/results/DATE.json\n");
    process.exitCode = 64;
  } else publish(file);
}

export function publish(file: string): void {
  const results = JSON.parse(readFileSync(file, "utf8")) as Results;
  writeFileSync(`${root}${chart}`, drawChart(results));
  rewrite("README.md", readmeFigures(results, chart));
  const report = basename(file).replace(/\.json$/, ".md");
  rewrite("docs/performance.md", performanceFigures(results, report));
}

function rewrite(document: string, figures: string): void {
  const path = `${root}${document}`;
  writeFileSync(path, replaceFigures(readFileSync(path, "utf8"), figures));
}
