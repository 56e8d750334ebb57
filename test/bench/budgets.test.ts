import assert from "node:assert/strict";
import { test } from "node:test";
import { type Budget, budgets, judge } from "../../bench/report/budgets.ts";
import { budgetTable, scenarioTable } from "../../bench/report/markdown.ts";
import { allScenarios } from "../../bench/scenarios/all.ts";
import { withFigures } from "./results.ts";

type Kind = Budget["limit"]["kind"];

function passed(kind: Kind, results: ReturnType<typeof withFigures>): boolean | undefined {
  const verdict = judge(results, "remora").find(({ budget }) => budget.limit.kind === kind);
  assert.ok(verdict !== undefined, `no budget of kind ${kind}`);
  return verdict.passed;
}

test("every budget is about a scenario that there is, and a metric that it shows", () => {
  for (const { scenario, metric, what } of budgets) {
    const found = allScenarios.find(({ name }) => name === scenario);
    assert.ok(found?.metrics.includes(metric), `${what}: ${metric} of ${scenario}`);
  }
});

test("a value is judged by itself and shown with the best of the peers beside it", () => {
  const results = withFigures("idle", "memoryMax", { remora: 14.9, "haproxy-h2": 10, envoy: 14 });
  assert.equal(passed("value", results), true);
  assert.match(budgetTable(results), /14\.9 MB \(haproxy-h2 10\.0\)/);
  assert.equal(passed("value", withFigures("idle", "memoryMax", { remora: 15.1 })), false);
});

test("a ratio is judged against the best of the named peers", () => {
  const cpu = (remora: number) =>
    withFigures("http1-32", "cpuPerRequest", { remora, haproxy: 20, "haproxy-h2": 10, envoy: 1 });
  assert.equal(passed("ratio", cpu(9)), true);
  assert.equal(passed("ratio", cpu(9.1)), false);
  const bulk = (remora: number) =>
    withFigures("tcp-upload", "throughput", { remora, "haproxy-tcp": 5 });
  assert.equal(passed("ratio", bulk(6)), true);
  assert.equal(passed("ratio", bulk(5.9)), false);
});

test("an added latency is what the pair adds to the direct connection, by hop", () => {
  const added = (remora: number) => withFigures("http1-1", "latencyP50", { remora, direct: 0.02 });
  assert.equal(passed("added", added(0.21)), true);
  assert.equal(passed("added", added(0.23)), false);
});

test("growth compares two variants of Remora of one run", () => {
  const rules = (many: number) =>
    withFigures("features", "cpuPerRequest", {
      "remora-rules-10": 10,
      "remora-rules-10000": many,
      remora: 1,
    });
  assert.equal(passed("growth", rules(11)), true);
  assert.equal(passed("growth", rules(11.1)), false);
  assert.match(budgetTable(rules(11)), /1\.10x \(11\.0 µs; remora-rules-10 10\.0\)/);
});

test("no budget is kept by a peer that failed requests", () => {
  const results = withFigures("http1-32", "cpuPerRequest", { remora: 5, haproxy: 10 });
  const withErrors = results.measurements.map((one) => ({
    ...one,
    sample: { ...one.sample, errors: one.peer === "remora" ? 7 : 0 },
  }));
  const failing = { ...results, measurements: withErrors };
  assert.equal(passed("ratio", results), true);
  assert.equal(passed("ratio", failing), false);
  assert.match(budgetTable(failing), /0\.50x \(5\.0 µs; haproxy 10\.0\), 7 errors/);
});

test("without the other side there is no verdict", () => {
  const results = withFigures("features", "cpuPerRequest", { "remora-rules-10000": 10 });
  assert.equal(passed("growth", results), undefined);
});

test("a peer that has no figure by design is named with the reason", () => {
  const results = withFigures("handshakes-resumed", "cpuPerHandshake", { haproxy: 80 });
  const scenario = allScenarios.find(({ name }) => name === "handshakes-resumed");
  assert.ok(scenario !== undefined);
  assert.match(scenarioTable(results, scenario), /- remora has no figure: it resumes no session/);
});
