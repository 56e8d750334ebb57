import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { UserError } from "../local/user-error.ts";
import {
  clusterHelp,
  clusterOptions,
  meshNamespace,
  readClusterOptions,
} from "./cluster-options.ts";

const folder = mkdtempSync(join(tmpdir(), "remora-kubeconfig-"));
const file = join(folder, "one");
writeFileSync(file, "");
after(() => rmSync(folder, { recursive: true }));

const none = { values: {}, positionals: [], rest: undefined };

test("--kubeconfig goes before the environment", () => {
  const args = { ...none, values: { kubeconfig: file, context: "c", namespace: meshNamespace } };
  assert.deepEqual(readClusterOptions(args, { KUBECONFIG: "/nowhere", HOME: folder }), {
    kubeconfigs: [file],
    context: "c",
    namespace: meshNamespace,
  });
});

test("files of $KUBECONFIG that are not there are left out, as kubectl does", () => {
  const choice = readClusterOptions(none, { KUBECONFIG: `/nowhere:${file}`, HOME: folder });
  assert.deepEqual(choice.kubeconfigs, [file]);
});

test("a missing file, or none at all, is a sentence with what to do", () => {
  const args = { ...none, values: { kubeconfig: "/nowhere" } };
  assert.throws(() => readClusterOptions(args, {}), UserError);
  assert.throws(() => readClusterOptions(none, { KUBECONFIG: "/nowhere" }), /\/nowhere/);
  assert.throws(() => readClusterOptions(none, { HOME: folder }), /no cluster is named/);
});

test("a pod without a kubeconfig uses its service account", () => {
  const inPod = { HOME: folder, KUBERNETES_SERVICE_HOST: "10.0.0.1" };
  assert.deepEqual(readClusterOptions(none, inPod).kubeconfigs, []);
});

test("every option has its line of help", () => {
  assert.deepEqual(Object.keys(clusterHelp), Object.keys(clusterOptions));
});
