import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMetricsText } from "./metrics-text.ts";

test("comments and empty lines hold no samples", () => {
  assert.deepEqual(parseMetricsText("# HELP a b\n# TYPE a counter\n\n"), []);
});

test("a sample has a name, labels and a value", () => {
  const text = 'requests_total{direction="inbound",peer="spiffe://td/ns/a/sa/b"} 12\nage 0.5\n';
  assert.deepEqual(parseMetricsText(text), [
    {
      name: "requests_total",
      labels: { direction: "inbound", peer: "spiffe://td/ns/a/sa/b" },
      value: 12,
    },
    { name: "age", labels: {}, value: 0.5 },
  ]);
});

test("quotes, backslashes, line feeds, commas and braces may stand in a label's value", () => {
  const [sample] = parseMetricsText('m{a="x\\"y\\\\z\\n,}",b=""} 1');
  assert.deepEqual(sample?.labels, { a: 'x"y\\z\n,}', b: "" });
});

test("infinity, exponents and time stamps are understood", () => {
  const text = 'h_bucket{le="+Inf"} 3 1700000000000\nup +Inf\ntiny 1e-7';
  assert.deepEqual(
    parseMetricsText(text).map((sample) => sample.value),
    [3, Number.POSITIVE_INFINITY, 1e-7],
  );
});

test("a line that is no sample is an error that shows the line", () => {
  for (const line of ["requests_total", "a{b=c} 1", 'a{b="c" 1', "a one", 'a{b="c";d="e"} 1']) {
    assert.throws(() => parseMetricsText(line), { message: `not a metric: ${line}` });
  }
});
