import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { drawChart } from "../../bench/report/chart.ts";
import { readmeFigures, replaceFigures } from "../../bench/report/figures.ts";
import type { Results } from "../../bench/report/results.ts";

const folder = new URL("../../bench/results/", import.meta.url).pathname;
const root = new URL("../../", import.meta.url).pathname;

function someResults(): Results {
  const file = readdirSync(folder).find((name) => name.endsWith(".json"));
  assert.ok(file !== undefined);
  return JSON.parse(readFileSync(`${folder}${file}`, "utf8")) as Results;
}

test("figures replace what stood between the marks and nothing else", () => {
  const text = "before\n<!-- figures:begin -->\nold\n<!-- figures:end -->\nafter\n";
  const marked = "before\n<!-- figures:begin -->\nnew\n<!-- figures:end -->\nafter\n";
  assert.equal(replaceFigures(text, "new"), marked);
  assert.throws(() => replaceFigures("no marks", "new"), /figures:begin/);
});

test("both documents have a place for figures", () => {
  for (const document of ["README.md", "docs/performance.md"]) {
    const text = readFileSync(`${root}${document}`, "utf8");
    assert.ok(replaceFigures(text, "x").includes("figures:begin -->\nx\n"), document);
  }
});

test("the table says who is best in each row, Remora or another", () => {
  const measure = (peer: string, cpuPerRequest: number) => ({
    scenario: "http1-32",
    peer,
    round: 0,
    sample: { cpuPerRequest },
  });
  const results: Results = {
    ...someResults(),
    measurements: [measure("remora", 11.5), measure("haproxy-h2", 9.1), measure("envoy", 21.8)],
  };
  const row = readmeFigures(results, "chart.svg")
    .split("\n")
    .find((line) => line.includes("32 connections"));
  assert.deepEqual(
    row?.split("|").map((cell) => cell.trim()),
    ["", "HTTP/1, 32 connections", "11.5", "**9.1**", "21.8", "-", ""],
  );
});

test("the chart is an SVG with a bar for every peer, and there is none without figures", () => {
  const svg = drawChart(someResults());
  assert.match(svg, /^<svg /);
  for (const name of ["Remora", "HAProxy", "Envoy"]) assert.ok(svg.includes(name), name);
  assert.throws(() => drawChart({ ...someResults(), measurements: [] }), /no CPU per request/);
});
