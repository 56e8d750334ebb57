import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { drawChart } from "../../bench/report/chart.ts";
import { performanceFigures, readmeFigures, replaceFigures } from "../../bench/report/figures.ts";
import { mergeResults, type Results, summaryOf } from "../../bench/report/results.ts";
import { someResults, withFigures } from "./results.ts";

const root = new URL("../../", import.meta.url).pathname;

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

test("a column of several configurations shows the better one", () => {
  const results = withFigures("http1-32", "cpuPerRequest", { haproxy: 8, "haproxy-h2": 9.1 });
  assert.match(readmeFigures(results, "chart.svg"), /32 connections +\| - +\| \*\*8\.0\*\* /);
});

test("the words name every row in which another is better, and each missed budget", () => {
  const results = withFigures("http1-32", "cpuPerRequest", {
    remora: 11.5,
    "haproxy-h2": 9.2,
    envoy: 20,
  });
  const text = readmeFigures(results, "chart.svg");
  assert.match(text, /- HTTP\/1, 32 connections: 11\.5, HAProxy 2\.6 9\.2 \(1\.25x\)/);
  assert.match(text, /Of the 2 budgets of its design\*\* that this run can judge, it misses 2:/);
  assert.match(text, /against HAProxy's best: 1\.25x in `http1-32` \(allowed ≤ 0\.9x\)/);
  assert.match(text, /against bare Envoy: 0\.57x in `http1-32` \(allowed ≤ 0\.5x\)/);
});

test("the words say so when Remora is behind nowhere", () => {
  const results = withFigures("http1-32", "cpuPerRequest", {
    remora: 5,
    "haproxy-h2": 9,
    envoy: 20,
  });
  const text = readmeFigures(results, "chart.svg");
  assert.match(text, /Where Remora is behind:\*\* in no row of this run/);
  assert.match(text, /it keeps all\./);
});

test("more is better where the metric says so", () => {
  const results = withFigures("tcp-download", "throughput", {
    remora: 5,
    "haproxy-tcp": 4,
    envoy: 6,
  });
  const text = readmeFigures(results, "chart.svg");
  assert.match(text, /- TCP, one connection, Gbit\/s: 5\.00, Envoy 1\.40, bare 6\.00 \(0\.83x\)/);
});

test("peers that are not installed are named in both documents", () => {
  const results = {
    ...someResults(),
    peers: [{ name: "envoy", description: "", missing: "no pip" }],
  };
  for (const text of [readmeFigures(results, "c.svg"), performanceFigures(results, ["a.md"])])
    assert.match(text, /envoy took no part: no pip\./);
});

test("published runs are joined by scenarios, and none is joined out of two runs", () => {
  const first = withFigures("http1-32", "cpuPerRequest", { remora: 5, "haproxy-h2": 9 });
  const again = withFigures("http1-32", "cpuPerRequest", { remora: 99, envoy: 20 });
  const idle = withFigures("idle", "memoryMax", { remora: 14 });
  const merged = mergeResults([first, again, idle]);
  assert.deepEqual(
    merged.scenarios.map(({ name }) => name),
    ["http1-32", "idle"],
  );
  assert.equal(summaryOf(merged, "http1-32", "remora", "cpuPerRequest")?.median, 5);
  assert.equal(summaryOf(merged, "http1-32", "envoy", "cpuPerRequest"), undefined);
  assert.equal(summaryOf(merged, "idle", "remora", "memoryMax")?.median, 14);
});

test("the run with most scenarios is the one that is described", () => {
  const few = { ...withFigures("idle", "memoryMax", { remora: 14 }), rounds: 3 };
  const many = { ...someResults(), rounds: 5 };
  assert.ok(many.scenarios.length > few.scenarios.length);
  assert.equal(mergeResults([few, many]).rounds, 5);
});

test("a scenario that a run names and did not come to is taken from the next", () => {
  const full = withFigures("idle", "memoryMax", { remora: 14 });
  const cut = { ...full, measurements: [] };
  const merged = mergeResults([cut, full]);
  assert.deepEqual(merged.measurements, full.measurements);
  assert.deepEqual(
    merged.scenarios.map(({ name }) => name),
    ["idle"],
  );
});

test("the chart is an SVG with a bar for every peer, and there is none without figures", () => {
  const svg = drawChart(someResults());
  assert.match(svg, /^<svg /);
  for (const name of ["Remora", "HAProxy", "Envoy"]) assert.ok(svg.includes(name), name);
  assert.throws(() => drawChart({ ...someResults(), measurements: [] }), /no CPU per request/);
});
