import assert from "node:assert/strict";
import { test } from "node:test";
import type { ManifestObject } from "../control/manifests/parse.ts";
import { Inventory } from "./inventory.ts";

function item(file: string, name: string, value = "1"): ManifestObject {
  const metadata = { name, namespace: "a" };
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { value } } as const;
  return { object, file, line: 1 };
}

function apply(inventory: Inventory, items: readonly ManifestObject[], folders: string[] = []) {
  const plan = inventory.plan(items, folders);
  inventory.commit(items, plan);
  return plan.words;
}

test("objects are created, left alone when they are the same, and changed", () => {
  const inventory = new Inventory();
  assert.deepEqual(apply(inventory, [item("/d/a.yaml", "x")]), ["configmap/x created"]);
  assert.deepEqual(apply(inventory, [item("/d/a.yaml", "x")]), ["configmap/x unchanged"]);
  assert.deepEqual(apply(inventory, [item("/d/a.yaml", "x", "2")]), ["configmap/x changed"]);
});

test("an object that its file does not hold any more is removed", () => {
  const inventory = new Inventory();
  apply(inventory, [item("/d/a.yaml", "x"), item("/d/a.yaml", "y"), item("/d/b.yaml", "z")]);
  const words = apply(inventory, [item("/d/a.yaml", "x")]);
  assert.deepEqual(words, ["configmap/x unchanged", "configmap/y removed"]);
});

test("a folder without the file removes what the file held", () => {
  const inventory = new Inventory();
  apply(inventory, [item("/d/a.yaml", "x"), item("/d/b.yaml", "z"), item("/e/c.yaml", "w")]);
  const words = apply(inventory, [item("/d/a.yaml", "x")], ["/d"]);
  assert.deepEqual(words, ["configmap/x unchanged", "configmap/z removed"]);
});

test("an object that moved to another file stays", () => {
  const inventory = new Inventory();
  apply(inventory, [item("/d/a.yaml", "x"), item("/d/a.yaml", "y")]);
  const words = apply(inventory, [item("/d/a.yaml", "y"), item("/d/b.yaml", "x")], ["/d"]);
  assert.deepEqual(words, ["configmap/y unchanged", "configmap/x unchanged"]);
});
