/** The chart's page, its schema and its dashboard say what there is. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { readChartValues, renderChartPage } from "./chart-page.ts";

interface Schema {
  readonly type?: string;
  readonly additionalProperties?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
}

const schema = JSON.parse(readFileSync("charts/remora/values.schema.json", "utf8")) as Schema;

test("the chart's README says what values.yaml says (npm run docs writes it)", () => {
  assert.equal(readFileSync("charts/remora/README.md", "utf8"), renderChartPage());
});

test("every value has a comment and a type in the schema", () => {
  const values = readChartValues();
  assert.ok(values.length > 30);
  for (const { path, comment } of values) {
    assert.ok(comment, `${path} has no comment`);
    assert.ok(find(path)?.type, `${path} is not in the schema`);
  }
});

test("every part of the schema is a value", () => {
  const paths = new Set(readChartValues().map(({ path }) => path));
  const leaves = (one: Schema, prefix: string): readonly string[] =>
    Object.entries(one.properties ?? {}).flatMap(([key, child]) => {
      const path = `${prefix}${key}`;
      return paths.has(path) || child.properties === undefined ? [path] : leaves(child, `${path}.`);
    });
  // Helm gives `global` to every chart that is part of another.
  assert.deepEqual(
    leaves(schema, "").filter((path) => path !== "global" && !paths.has(path)),
    [],
  );
});

test("the dashboard asks only for metrics that sidecars have", () => {
  const dashboard = readFileSync("charts/remora/dashboards/remora.json", "utf8");
  const page = readFileSync("docs/observability.md", "utf8");
  const listed = new Set(
    Array.from(page.matchAll(/^\| `(remora_[a-z_0-9]+)` \|/gm), ([, name]) => name),
  );
  const asked = new Set(
    Array.from(dashboard.matchAll(/remora_[a-z_0-9]+/g), ([name]) => name.replace(/_bucket$/, "")),
  );
  assert.ok(asked.size > 15);
  assert.deepEqual(
    [...asked].filter((name) => !listed.has(name)),
    [],
  );
});

function find(path: string): Schema | undefined {
  return path.split(".").reduce<Schema | undefined>((one, key) => one?.properties?.[key], schema);
}
