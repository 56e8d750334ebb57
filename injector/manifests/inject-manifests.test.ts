import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAllDocuments } from "yaml";
import { defaultInjection, type InjectionOptions } from "../options.ts";
import { injectManifests } from "./inject-manifests.ts";
import { printManifests } from "./print-manifests.ts";

const options: InjectionOptions = {
  ...defaultInjection,
  version: "1.2.3",
  image: "remora:1.2.3",
  proxyCommand: () => ["node", "proxy.js"],
  initCommand: ["node", "init.js"],
};

function inject(text: string) {
  const result = injectManifests([{ name: "file", text }], options);
  const told = result.objects.map(({ title, outcome }) => `${title} ${outcome}`);
  return { ...result, told, yaml: printManifests(result.documents, "yaml") };
}

interface Manifest {
  readonly spec?: unknown;
  readonly items?: readonly Manifest[];
}

/** As kubectl reads it. */
function read(yaml: string): readonly Manifest[] {
  return parseAllDocuments(yaml, { version: "1.1" }).map((one) => one.toJS() as Manifest);
}

function initNames(value: unknown, path: readonly string[]): readonly string[] {
  const at = path.reduce((object, key) => (object as Record<string, unknown>)[key], value);
  const { initContainers = [] } = at as { initContainers?: { name: string }[] };
  return initContainers.map(({ name }) => name);
}

const podText = "{ containers: [{ name: web, image: web }] }";
const workloads: readonly (readonly [string, readonly string[]])[] = [
  [`{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: ${podText}}`, ["spec"]],
  ...["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"].map((kind): [string, string[]] => [
    `{apiVersion: apps/v1, kind: ${kind}, metadata: {name: a}, spec: {template: {spec: ${podText}}}}`,
    ["spec", "template", "spec"],
  ]),
  [
    `{apiVersion: batch/v1, kind: Job, metadata: {name: a}, spec: {template: {metadata: {}, spec: ${podText}}}}`,
    ["spec", "template", "spec"],
  ],
  [
    `{apiVersion: batch/v1, kind: CronJob, metadata: {name: a}, spec: {jobTemplate: {spec: {template: {spec: ${podText}}}}}}`,
    ["spec", "jobTemplate", "spec", "template", "spec"],
  ],
];
for (const [text, path] of workloads) {
  test(`a manifest gets the sidecar where its pods stand: ${text.slice(0, 50)}`, () => {
    const { yaml } = inject(text);
    assert.deepEqual(initNames(read(yaml)[0], path), ["remora-init", "remora-proxy"]);
  });
}

test("items of a List are injected one by one, and other objects stay", () => {
  const list = `apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop}, spec: ${podText}}
- {apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 80}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: b}, spec: {hostNetwork: true, containers: []}}
`;
  const { told, yaml } = inject(list);
  assert.deepEqual(told, ["Pod shop/a injected", "Pod b skipped"]);
  const [first, service, skipped] = read(yaml)[0]?.items ?? [];
  assert.equal(initNames(first, ["spec"]).length, 2);
  assert.deepEqual(service?.spec, { ports: [{ port: 80 }] });
  assert.deepEqual(initNames(skipped, ["spec"]), []);
});

test("comments and everything that is no pod stay as they are", () => {
  const text = `# the shop
apiVersion: v1
kind: ConfigMap
metadata:
  name: c # kept
data:
  a: "1"
---
# the pod
apiVersion: v1
kind: Pod
metadata:
  name: p # its name
spec:
  containers:
    # the app
    - name: web
      image: web # pinned
`;
  const { yaml } = inject(text);
  assert.ok(yaml.startsWith(text.slice(0, text.indexOf("---"))));
  for (const comment of ["# the pod", "# its name", "# the app", "# pinned"]) {
    assert.ok(yaml.includes(comment), comment);
  }
});

test("texts that YAML 1.1 reads as something else are quoted", () => {
  const { yaml } = inject(workloads[0]?.[0] ?? "");
  const [pod] = read(yaml) as {
    spec: { initContainers: { env: { name: string; value?: unknown }[] }[] };
  }[];
  const values = pod?.spec.initContainers.flatMap(({ env }) => env.map(({ value }) => value));
  assert.ok(values?.includes("off"));
  assert.ok(values?.every((value) => value === undefined || typeof value === "string"));
});

test("what an alias repeats is injected in each place on its own", () => {
  const text = `apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: &spec ${podText}}
- {apiVersion: v1, kind: Pod, metadata: {name: b}, spec: *spec}
`;
  const { yaml } = inject(text);
  for (const item of read(yaml)[0]?.items ?? []) {
    assert.deepEqual(initNames(item, ["spec"]), ["remora-init", "remora-proxy"]);
  }
});

test("a second time changes nothing", () => {
  const first = inject(workloads.map(([text]) => text).join("\n---\n"));
  const second = inject(first.yaml);
  assert.equal(second.yaml, first.yaml);
  assert.ok(second.objects.every(({ outcome }) => outcome === "unchanged"));
});

test("a namespace of the files tunes its pods, or keeps them outside", () => {
  const namespaceOf = (meta: string): string =>
    `{apiVersion: v1, kind: Namespace, metadata: {name: shop, ${meta}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop}, spec: ${podText}}
`;
  const tuned = inject(namespaceOf('annotations: {config.remora.dev/opaque-ports: "5432"}'));
  assert.match(tuned.yaml, /REMORA_OPAQUE_PORTS, value: "5432"/);
  const out = inject(namespaceOf("labels: {remora.dev/inject: disabled}"));
  assert.deepEqual(out.told, ["Pod shop/a skipped"]);
});

const bad: readonly (readonly [string, string])[] = [
  ["not YAML", "a: [1"],
  ["two keys", "a: 1\na: 2"],
  ["a bomb of aliases", bomb()],
];
for (const [what, text] of bad) {
  test(`a file that cannot be read is a problem with its name: ${what}`, () => {
    const { problems, documents } = inject(text);
    assert.match(problems[0] ?? "", /^file: ./);
    assert.deepEqual(documents, []);
  });
}

function bomb(): string {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
  for (let level = 1; level < 9; level += 1) {
    const inner = Array.from({ length: 9 }, () => `*a${level - 1}`).join(", ");
    lines.push(`a${level}: &a${level} [${inner}]`);
  }
  return lines.join("\n");
}

test("a pod that is none, and one that conflicts, are told apart", () => {
  const pod = (spec: string): string =>
    `{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: ${spec}}`;
  const { told } = inject(
    [
      pod("{containers: web}"),
      pod("{containers: [], securityContext: {runAsGroup: 15008, fsGroup: 15008}}"),
    ].join("\n---\n"),
  );
  assert.deepEqual(told, ["Pod a malformed", "Pod a refused"]);
});

test("as JSON one object stands alone, and several are a List", () => {
  const one = injectManifests([{ name: "f", text: workloads[0]?.[0] ?? "" }], options);
  assert.equal((JSON.parse(printManifests(one.documents, "json")) as { kind: string }).kind, "Pod");
  const all = injectManifests(
    [{ name: "f", text: workloads.map(([text]) => text).join("\n---\n") }],
    options,
  );
  const list = JSON.parse(printManifests(all.documents, "json")) as {
    kind: string;
    items: unknown[];
  };
  assert.deepEqual([list.kind, list.items.length], ["List", workloads.length]);
});
