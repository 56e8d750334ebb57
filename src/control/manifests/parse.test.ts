import assert from "node:assert/strict";
import { test } from "node:test";
import { parseManifests } from "./parse.ts";
import { formatProblem } from "./problem.ts";

const problemsOf = (text: string): string[] =>
  parseManifests(text, "a.yaml").problems.map(formatProblem);

const pod = `apiVersion: v1
kind: Pod
metadata:
  name: web
spec:
  containers:
    - name: app
      command: [run]
`;

test("documents, empty documents and lists give their objects with line numbers", () => {
  const text = `# comment\n---\n${pod}---\n---\napiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: Namespace\n    metadata: {name: shop}\n`;
  const { objects, problems } = parseManifests(text, "a.yaml");
  assert.deepEqual(problems, []);
  assert.deepEqual(
    objects.map(({ object, line }) => [object.kind, object.metadata, line]),
    [
      ["Pod", { name: "web", namespace: "default" }, 3],
      ["Namespace", { name: "shop" }, 16],
    ],
  );
});

test("JSON is read like YAML", () => {
  const text =
    '{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"a","namespace":"b"}}';
  assert.equal(parseManifests(text, "a.json").objects[0]?.object.metadata.namespace, "b");
});

test("merge keys and aliases are followed", () => {
  const text = `apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data:
  <<: &base {x: "1"}
  y: &y "2"
  z: *y
`;
  const object = parseManifests(text, "a.yaml").objects[0]?.object;
  assert.deepEqual(object?.kind === "ConfigMap" && object.data, { x: "1", y: "2", z: "2" });
});

test("a kind that nobody reads is a warning, with the kind that was perhaps meant", () => {
  const text = "apiVersion: v1\nkind: Servic\nmetadata: {name: a}\n";
  const [problem] = parseManifests(text, "a.yaml").problems;
  assert.equal(problem?.severity, "warning");
  assert.equal(
    formatProblem(problem),
    "a.yaml:2: Servic of v1 is ignored: Remora has no use for it (did you mean Service?)",
  );
});

test("a kind of the same name in another API group is not taken for ours", () => {
  const text =
    "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a}\nspec: {}\n";
  assert.deepEqual(problemsOf(text), [
    "a.yaml:2: AuthorizationPolicy of security.istio.io/v1 is ignored: Remora has no use for it (Remora reads AuthorizationPolicy of policy.remora.dev/v1alpha1)",
  ]);
});

interface Case {
  readonly name: string;
  readonly text: string;
  readonly problems: readonly string[];
}

const deployment = (labels: string): string => `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector:
    matchLabels: {app: web}
  template:
    metadata: {labels: ${labels}}
    spec:
      containers: [{name: app}]
`;

const service = (ports: string): string => `apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  ports:
${ports}`;

const broken: readonly Case[] = [
  {
    name: "text that is not YAML",
    text: "a: b\nc: {\n  d\n",
    problems: ["a.yaml:4: not YAML"],
  },
  { name: "a scalar", text: "hello\n", problems: ["a.yaml:1: not a Kubernetes object"] },
  {
    name: "an object without a kind",
    text: "\napiVersion: v1\n",
    problems: ["a.yaml:2: not a Kubernetes object: it has no kind"],
  },
  {
    name: "an object without an API version",
    text: "kind: Pod\n",
    problems: ["a.yaml:1: Pod: apiVersion is missing"],
  },
  {
    name: "an old API version of a known group",
    text: deployment("{app: web}").replace("apps/v1", "apps/v1beta1"),
    problems: ['a.yaml:1: Deployment is of apps/v1, not of "apps/v1beta1"'],
  },
  {
    name: "a misspelt required field",
    text: pod.replace("containers", "contianers"),
    problems: ['a.yaml:6: Pod "web": spec: unknown field "contianers" (did you mean containers?)'],
  },
  {
    name: "a missing field",
    text: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  volumes: []\n",
    problems: ['a.yaml:5: Pod "web": spec.containers is missing'],
  },
  {
    name: "an object without a name",
    text: "apiVersion: v1\nkind: Namespace\nmetadata: {}\n",
    problems: ["a.yaml:3: Namespace without a name: metadata.name is missing"],
  },
  {
    name: "a number where a string is wanted",
    text: `${pod}      env:\n        - name: PORT\n          value: 8080\n`,
    problems: [
      'a.yaml:11: Pod "web": spec.containers[0].env[0].value: expected a string, got the number 8080 (put it in quotes)',
    ],
  },
  {
    name: "a quoted port",
    text: service('    - port: "80"\n'),
    problems: [
      'a.yaml:6: Service "web": spec.ports[0].port: expected a whole number from 1 to 65535, got the string "80" (remove the quotes)',
    ],
  },
  {
    name: "two ports without names",
    text: service("    - port: 80\n      name: a\n    - port: 81\n"),
    problems: ['a.yaml:8: Service "web": spec.ports[1]: needs a name, as there are several'],
  },
  {
    name: "a mount of a volume that is not there",
    text: `${pod}      volumeMounts:\n        - name: data\n          mountPath: /data\n`,
    problems: [
      'a.yaml:10: Pod "web": spec.containers[0].volumeMounts[0]: there is no volume named "data" (the pod has no volumes)',
    ],
  },
  {
    name: "two containers of one name",
    text: `${pod}    - name: app\n`,
    problems: ['a.yaml:9: Pod "web": spec.containers[1]: a second container named "app"'],
  },
  {
    name: "a probe of two kinds",
    text: `${pod}      readinessProbe:\n        httpGet: {port: 80}\n        tcpSocket: {port: 80}\n`,
    problems: [
      'a.yaml:9: Pod "web": spec.containers[0].readinessProbe: expected exactly one of httpGet, tcpSocket, grpc, exec, got httpGet and tcpSocket',
    ],
  },
  {
    name: "a selector that does not find the template's pods",
    text: deployment("{app: wbe}"),
    problems: [
      'a.yaml:6: Deployment "web": spec: the selector asks for app=web, which the pods of its template do not have',
    ],
  },
];

for (const { name, text, problems } of broken) {
  test(`${name} is refused with its line`, () => {
    const found = parseManifests(text, "a.yaml");
    assert.deepEqual(found.objects, []);
    assert.equal(found.problems.length, problems.length, problemsOf(text).join("\n"));
    for (const [index, problem] of problems.entries()) {
      const got = problemsOf(text)[index] ?? "";
      assert.ok(got.startsWith(problem), got);
    }
  });
}

test("an alias bomb is refused", () => {
  const text = `a: &a [x,x,x,x,x,x,x,x,x]\n${["b", "c", "d", "e"]
    .map((key, index) => `${key}: &${key} [${`*${"abcd"[index]},`.repeat(9)}]`)
    .join("\n")}\n`;
  assert.match(problemsOf(text)[0] ?? "", /not YAML: .*alias/);
});

test("fields that Remora does not know pass through", () => {
  const text = pod.replace("spec:\n", "spec:\n  schedulerName: mine\n");
  const object = parseManifests(text, "a.yaml").objects[0]?.object;
  assert.equal(object?.kind === "Pod" && "schedulerName" in object.spec, true);
});

test("a field without a value is the same as none", () => {
  const text = `${service("    - port: 80\n")}  selector:\n`;
  const object = parseManifests(text, "a.yaml").objects[0]?.object;
  assert.equal(object?.kind === "Service" && "selector" in object.spec, false);
});
