/** What is in the programs' bundles: a sidecar stands in every pod, and what it does not need it must not carry. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build } from "tsup";
import options from "../../tsup.config.ts";

const folder = mkdtempSync(join(tmpdir(), "remora-bundle-"));
let inputs: Readonly<Record<string, readonly string[]>>;

before(async () => {
  const entry = { proxy: "src/bin/proxy.ts", control: "src/bin/control.ts" };
  await build({ ...options, config: false, entry, outDir: folder, sourcemap: false, silent: true });
  const { outputs } = JSON.parse(readFileSync(join(folder, "metafile-esm.json"), "utf8")) as {
    outputs: Readonly<
      Record<string, { inputs: Readonly<Record<string, { bytesInOutput: number }>> }>
    >;
  };
  inputs = Object.fromEntries(
    Object.entries(outputs).map(([output, { inputs }]) => [
      output.replace(/^.*\//, ""),
      Object.keys(inputs).filter((file) => (inputs[file]?.bytesInOutput ?? 0) > 0),
    ]),
  );
});
after(() => rmSync(folder, { recursive: true, force: true }));

const found = (bundle: string, pattern: RegExp): readonly string[] =>
  (inputs[bundle] ?? []).filter((file) => pattern.test(file));

test("the sidecar holds no Kubernetes client, no gRPC library and none of the other programs", () => {
  assert.ok(found("proxy.js", /^src\/proxy\//).length > 20, "the bundle was read");
  const foreign =
    /@kubernetes\/|@grpc\/|\/undici\/|^src\/(kubernetes|control|identity|init|local|cli)\/|^injector\//;
  assert.deepEqual(found("proxy.js", foreign), []);
});

test("no program imports a module of Node, which would wake up all that the module can do", () => {
  for (const bundle of ["proxy.js", "control.js"]) {
    const text = readFileSync(join(folder, bundle), "utf8");
    assert.ok(text.includes('process.getBuiltinModule("node:net")'), "the bundle was read");
    assert.doesNotMatch(text, /\bfrom ?"node:/, bundle);
  }
});

test("what talks to an API server carries no generated API classes", () => {
  assert.ok(found("control.js", /@kubernetes\/client-node\/dist\/config/).length > 0);
  assert.deepEqual(found("control.js", /@kubernetes\/client-node\/dist\/gen\/(models|apis)\//), []);
  // 2.2 MB when this was written: as much again would be another library.
  assert.ok(statSync(join(folder, "control.js")).size < 3_500_000);
});
