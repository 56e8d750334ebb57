import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container, Pod } from "../../api/kubernetes.ts";
import { ObjectStore } from "../objects.ts";
import { expandReferences, resolveEnvironment } from "./environment.ts";

const pod: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web-0", namespace: "shop", uid: "u1", labels: { app: "web" } },
  spec: { containers: [], serviceAccountName: "web" },
};
const place = { ip: "10.0.0.5", hostIp: "10.0.0.1", nodeName: "local" };
const objects = new ObjectStore();
objects.change([
  {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "settings", namespace: "shop" },
    data: { COLOUR: "red", SIZE: "1" },
  },
  {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "keys", namespace: "shop" },
    data: { PASSWORD: Buffer.from("s3cret").toString("base64"), OTHER: "" },
    stringData: { OTHER: "plain" },
  },
]);

function resolve(container: Partial<Container>): Record<string, string> {
  return resolveEnvironment({ name: "web", ...container }, pod, place, objects, { PATH: "/bin" });
}

test("the downward API gives names, addresses, labels and the account", () => {
  const field = (name: string, fieldPath: string) => ({
    name,
    valueFrom: { fieldRef: { fieldPath } },
  });
  const env = resolve({
    env: [
      field("A", "metadata.name"),
      field("B", "metadata.namespace"),
      field("C", "metadata.uid"),
      field("D", "metadata.labels['app']"),
      field("E", "status.podIP"),
      field("F", "status.hostIP"),
      field("G", "spec.nodeName"),
      field("H", "spec.serviceAccountName"),
    ],
  });
  const values = "ABCDEFGH".split("").map((name) => env[name]);
  assert.deepEqual(values, ["web-0", "shop", "u1", "web", "10.0.0.5", "10.0.0.1", "local", "web"]);
});

test("keys of ConfigMaps and Secrets become variables, one by one or all with a prefix", () => {
  const env = resolve({
    envFrom: [
      { prefix: "CFG_", configMapRef: { name: "settings" } },
      { secretRef: { name: "keys" } },
    ],
    env: [{ name: "SHADE", valueFrom: { configMapKeyRef: { name: "settings", key: "COLOUR" } } }],
  });
  assert.deepEqual(env, {
    PATH: "/bin",
    CFG_COLOUR: "red",
    CFG_SIZE: "1",
    PASSWORD: "s3cret",
    OTHER: "plain",
    SHADE: "red",
  });
});

const missing: readonly (readonly [string, Partial<Container>, RegExp])[] = [
  [
    "ConfigMap",
    { envFrom: [{ configMapRef: { name: "x" } }] },
    /^ConfigMap shop\/x does not exist$/,
  ],
  [
    "key",
    { env: [{ name: "A", valueFrom: { secretKeyRef: { name: "keys", key: "x" } } }] },
    /^Secret shop\/keys has no key "x"$/,
  ],
  [
    "field",
    { env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "status.moon" } } }] },
    /"status.moon"/,
  ],
];
for (const [name, container, message] of missing) {
  test(`a container waits for a ${name} that is missing`, () => {
    assert.throws(() => resolve(container), { name: "NotYet", message });
  });
}

test("what is optional may be missing", () => {
  const env = resolve({
    envFrom: [{ configMapRef: { name: "x", optional: true } }],
    env: [{ name: "A", valueFrom: { secretKeyRef: { name: "keys", key: "x", optional: true } } }],
  });
  assert.deepEqual(env, { PATH: "/bin" });
});

test("references to variables that came before are expanded, others stay as they are", () => {
  const env = resolve({
    env: [
      { name: "HOST", value: "db" },
      { name: "URL", value: "tcp://$(HOST):$(PORT)/$$(HOST)" },
    ],
  });
  assert.equal(env["URL"], "tcp://db:$(PORT)/$(HOST)");
  assert.equal(expandReferences("$(toString)", {}), "$(toString)");
});
