import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { loadManifests } from "../../src/control/manifests/load.ts";
import type { Manifests } from "../../src/control/manifests/parse.ts";
import { formatProblem } from "../../src/control/manifests/problem.ts";
import { type ManifestWatch, watchManifests } from "../../src/control/manifests/watch.ts";
import { millis } from "../../src/core/duration.ts";
import { eventually } from "./eventually.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const account = (name: string): string =>
  `apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: ${name}}\n`;

const names = (manifests: Manifests): string[] =>
  manifests.objects.map(({ object }) => object.metadata.name);

function watched(context: TestContext, paths: readonly string[], poll = 400): ManifestWatch {
  const watch = watchManifests(paths, () => undefined, {
    settle: millis(30),
    poll: millis(poll),
  });
  context.after(() => watch.close());
  return watch;
}

test("a folder gives its visible YAML and JSON files in order, and nothing of its sub-folders", (t) => {
  const folder = temporaryFolder(t);
  folder.write("b.yml", account("b"));
  folder.write("a.yaml", account("a"));
  folder.write(
    "c.json",
    JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: "c" } }),
  );
  folder.write(".hidden.yaml", account("hidden"));
  folder.write("notes.txt", "not a manifest");
  mkdirSync(join(folder.path, "sub.yaml"));
  const loaded = loadManifests([folder.path, join(folder.path, "a.yaml")]);
  assert.deepEqual(loaded.problems, []);
  assert.deepEqual(names(loaded), ["a", "b", "c"]);
});

test("a missing path and a second definition are problems", (t) => {
  const folder = temporaryFolder(t);
  const first = folder.write("a.yaml", account("a"));
  const second = folder.write("b.yaml", `---\n${account("a")}`);
  const absent = join(folder.path, "absent");
  const loaded = loadManifests([folder.path, absent]);
  assert.deepEqual(loaded.problems.map(formatProblem), [
    `${absent}: no such file or folder`,
    `${second}:2: ServiceAccount default/a is already defined at ${first}:1`,
  ]);
});

test("an edit, a new file and a removed file are seen", async (t) => {
  const folder = temporaryFolder(t);
  folder.write("a.yaml", account("a"));
  folder.write("b.yaml", account("b"));
  const watch = watched(t, [folder.path]);
  const [, kept] = watch.current().objects;
  folder.write("a.yaml", account("changed"));
  folder.write("c.yaml", account("new"));
  await eventually("edit", () => names(watch.current()).join() === "changed,b,new");
  assert.equal(watch.current().objects[1], kept);
  folder.remove("b.yaml");
  await eventually("removal", () => names(watch.current()).join() === "changed,new");
});

test("a broken file is reported and keeps its last sound objects", async (t) => {
  const folder = temporaryFolder(t);
  const file = folder.write("a.yaml", account("a"));
  const watch = watched(t, [file]);
  folder.write("a.yaml", `${account("b")}---\nkind: [\n`);
  const [problem] = await eventually("problem", () => {
    const { problems } = watch.current();
    return problems.length > 0 && problems;
  });
  assert.equal(problem?.file, file);
  assert.equal(problem.severity, "error");
  assert.deepEqual(names(watch.current()), ["a"]);
  folder.write("a.yaml", account("b"));
  await eventually("mended", () => watch.current().problems.length === 0);
  assert.deepEqual(names(watch.current()), ["b"]);
});

test("a folder that goes away keeps its objects and works again when it is back", async (t) => {
  const parent = temporaryFolder(t);
  const folder = join(parent.path, "manifests");
  mkdirSync(folder);
  parent.write("manifests/a.yaml", account("a"));
  const watch = watched(t, [folder], 20);
  rmSync(folder, { recursive: true });
  await eventually("problem", () => watch.current().problems.length === 1);
  assert.deepEqual(names(watch.current()), ["a"]);
  mkdirSync(folder);
  parent.write("manifests/b.yaml", account("b"));
  await eventually("back", () => names(watch.current()).join() === "b");
  assert.deepEqual(watch.current().problems, []);
});

test("touching a file without a change says nothing", async (t) => {
  const folder = temporaryFolder(t);
  folder.write("a.yaml", account("a"));
  const seen: Manifests[] = [];
  const watch = watchManifests([folder.path], (manifests) => seen.push(manifests));
  t.after(() => watch.close());
  folder.write("a.yaml", account("a"));
  folder.write("b.yaml", account("b"));
  await eventually("edit", () => seen.length > 0);
  assert.deepEqual(seen.map(names), [["a", "b"]]);
});
