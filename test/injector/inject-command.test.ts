/** `remora inject` as a program: what goes to which stream, and its exit codes. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";

const pod = JSON.stringify({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web" },
  spec: { containers: [{ name: "web", image: "web" }] },
});
const refused = pod.replace('"containers"', '"securityContext":{"runAsUser":15008},"containers"');

async function remora(args: readonly string[], input = "") {
  const child = spawn(process.execPath, ["src/bin/remora.ts", "inject", ...args], {
    env: { PATH: process.env["PATH"] },
    stdio: "pipe",
  });
  const closed = once(child, "close");
  child.stdin.end(input);
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await closed) as [number];
  return { code, output, errors };
}

test("manifests come out patched, and the report goes to standard error", async () => {
  const { code, output, errors } = await remora(["-f", "-", "--image", "r:1", "-o", "json"], pod);
  assert.equal(code, 0, errors);
  assert.equal(errors, "standard input: Pod web injected\n");
  const { spec } = JSON.parse(output) as { spec: { initContainers: { image: string }[] } };
  assert.deepEqual(
    spec.initContainers.map(({ image }) => image),
    ["r:1", "r:1"],
  );
});

test("files of a folder come out as one stream of documents", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "remora-inject-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "a.json"), pod);
  writeFileSync(join(folder, "b.yaml"), "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n");
  const { code, output } = await remora(["-f", folder, "--image", "r:1"]);
  assert.equal(code, 0);
  assert.match(output, /---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n {2}name: c\n$/);
});

test("a pod that cannot be in the mesh ends the command with 1, and nothing is printed", async () => {
  const { code, output, errors } = await remora(["-f", "-", "--image", "r:1"], refused);
  assert.deepEqual([code, output], [1, ""]);
  assert.match(errors, /Pod web refused: container "web" runs as uid 15008/);
});

test("a command line without an image, or with a strange format, ends with 64", async () => {
  for (const args of [
    ["-f", "-"],
    ["-f", "-", "--image", "r:1", "-o", "xml"],
    ["--image", "r:1"],
  ]) {
    const { code, output } = await remora(args, pod);
    assert.deepEqual([code, output], [64, ""], args.join(" "));
  }
});
