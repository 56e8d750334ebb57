import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { AddressSchema } from "../../api/gen/workload_pb.ts";
import type { KnownObject } from "../../api/kubernetes.ts";
import { decodeAddress } from "../../api/wire/workload.ts";
import type { MeshAddress } from "../../api/workload.ts";
import { parseManifests } from "../manifests/parse.ts";
import { addressLookup, authorizationLookup } from "../xds/lookup.ts";
import { MeshModel } from "./mesh-model.ts";
import { byKey, diffObjects } from "./object-delta.ts";
import type { MeshSnapshot } from "./snapshot.ts";

const config = {
  trustDomain: "cluster.local",
  clusterDomain: "cluster.local",
  rootNamespace: "remora-system",
};

function objectsOf(text: string): KnownObject[] {
  const { objects, problems } = parseManifests(text, "test.yaml");
  assert.deepEqual(problems, []);
  return objects.map(({ object }) => object);
}

const build = (text: string): MeshSnapshot =>
  new MeshModel(config, "selectors").apply(byKey(objectsOf(text)));

const pod = (name: string, ip: string, extra = ""): string => `---
apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  namespace: shop
  uid: uid-${name}
  labels: {app: web}
  annotations: {remora.dev/injected: "1"}
spec:
  serviceAccountName: web
  containers:
    - name: app
      ports: [{name: main, containerPort: 8080}]
status:
  podIP: ${ip}
  conditions: [{type: Ready, status: "True"}]
${extra}
`;

const service = (ports: string, spec = "clusterIP: 10.1.0.1"): string => `---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  ${spec}
  selector: {app: web}
  ports: ${ports}
`;

const decoded = (snapshot: MeshSnapshot, key: string): MeshAddress[] =>
  addressLookup(snapshot)
    .resolve(key)
    .map(({ body }) => decodeAddress(body));

const hostname = "web.shop.svc.cluster.local";

test("a pod is a workload that its address, its uid and its service lead to", () => {
  const snapshot = build(
    pod("a", "10.0.0.1") + service("[{name: http, port: 80, targetPort: main}]"),
  );
  const expected: MeshAddress = {
    kind: "workload",
    uid: "uid-a",
    name: "a",
    workloadName: "a",
    namespace: "shop",
    addresses: ["10.0.0.1"],
    hbone: true,
    remora: true,
    trustDomain: "cluster.local",
    serviceAccount: "web",
    hostNetwork: false,
    healthy: true,
    authorizationPolicies: [],
    services: new Map([
      [`shop/${hostname}`, [{ servicePort: 80, targetPort: 8080, protocol: "http1" }]],
    ]),
  };
  const meshService: MeshAddress = {
    kind: "service",
    name: "web",
    namespace: "shop",
    hostname,
    addresses: ["10.1.0.1"],
    ports: [{ servicePort: 80, targetPort: 0, protocol: "http1" }],
    allowUnhealthy: false,
  };
  assert.deepEqual(decoded(snapshot, "/10.0.0.1"), [expected]);
  assert.deepEqual(decoded(snapshot, "uid-a"), [expected]);
  assert.deepEqual(decoded(snapshot, "/10.1.0.1"), [meshService, expected]);
  assert.deepEqual(decoded(snapshot, `shop/${hostname}`), [meshService, expected]);
});

test("an answer is named exactly as it was asked for", () => {
  const snapshot = build(pod("a", "fd00::1"));
  const names = (key: string) =>
    addressLookup(snapshot)
      .resolve(key)
      .map(({ name }) => name);
  assert.deepEqual(names("/fd00::1"), ["/fd00::1"]);
  assert.deepEqual(names("/FD00:0::1"), ["/FD00:0::1"]);
  assert.deepEqual(names("other/fd00::1"), []);
  assert.deepEqual(names("/fd00::2"), []);
});

test("a pod without a sidecar has no tunnel, a pod that is not ready is unhealthy", () => {
  const text = pod("a", "10.0.0.1")
    .replace('annotations: {remora.dev/injected: "1"}', "")
    .replace('status: "True"', 'status: "False"');
  const [workload] = decoded(build(text), "/10.0.0.1");
  assert.ok(workload?.kind === "workload");
  assert.deepEqual([workload.hbone, workload.remora, workload.healthy], [false, false, false]);
});

test("pods without an address, finished ones and those of the host are not found by address", () => {
  const snapshot = build(
    pod("a", "10.0.0.1", "  phase: Succeeded") +
      pod("b", '""') +
      pod("c", "10.0.0.3").replace("spec:\n", "spec:\n  hostNetwork: true\n"),
  );
  assert.deepEqual(Array.from(snapshot.workloads.keys()), ["uid-c"]);
  for (const ip of ["10.0.0.1", "10.0.0.3"]) assert.equal(snapshot.findByIp(ip), undefined);
});

test("a headless service has members and no address, one without a selector is not ours", () => {
  const headless = build(pod("a", "10.0.0.1") + service("[{port: 80}]", "clusterIP: None"));
  assert.equal(decoded(headless, `shop/${hostname}`).length, 2);
  assert.deepEqual(headless.services.get(`shop/${hostname}`)?.addresses, []);
  const bare = service("[{port: 80}]").replace("selector: {app: web}", "");
  assert.equal(build(bare).services.size, 0);
});

test("ports: number, name, protocol by appProtocol and by name, UDP left out", () => {
  const snapshot = build(
    pod("a", "10.0.0.1") +
      service(`
    - {name: grpc-api, port: 1}
    - {name: a, port: 2, targetPort: 8080, appProtocol: kubernetes.io/h2c}
    - {name: tcp, port: 3, targetPort: main}
    - {name: dns, port: 4, protocol: UDP}
    - {name: b, port: 5, targetPort: absent}
    - {name: https-x, port: 6}
    - {name: http, port: 7, appProtocol: something.example/own}`),
  );
  const [meshService, workload] = decoded(snapshot, "/10.1.0.1");
  assert.deepEqual(meshService?.kind === "service" && meshService.ports, [
    { servicePort: 1, targetPort: 1, protocol: "grpc" },
    { servicePort: 2, targetPort: 8080, protocol: "http2" },
    { servicePort: 3, targetPort: 0, protocol: "tcp" },
    { servicePort: 5, targetPort: 0, protocol: "unknown" },
    { servicePort: 6, targetPort: 6, protocol: "tls" },
    { servicePort: 7, targetPort: 7, protocol: "unknown" },
  ]);
  const own = workload?.kind === "workload" && workload.services.get(`shop/${hostname}`);
  assert.deepEqual(own && own.map(({ servicePort, targetPort }) => [servicePort, targetPort]), [
    [1, 1],
    [2, 8080],
    [3, 8080],
    [6, 6],
    [7, 7],
  ]);
});

test("a workload is named after its owner, without the hash of a ReplicaSet", () => {
  const text = pod("web-7f-x1", "10.0.0.1").replace(
    "labels: {app: web}",
    "generateName: web-7f-\n  labels: {pod-template-hash: 7f}",
  );
  const [workload] = decoded(build(text), "/10.0.0.1");
  assert.equal(workload?.kind === "workload" && workload.workloadName, "web");
});

test("the same objects give the same versions, and unchanged ones the same resources", () => {
  const text = pod("a", "10.0.0.1") + pod("b", "10.0.0.2") + service("[{port: 80}]");
  const versions = (snapshot: MeshSnapshot) =>
    Array.from(addressLookup(snapshot).all(), ({ name, version }) => `${name}@${version}`).sort();
  const objects = objectsOf(text);
  const model = new MeshModel(config, "selectors");
  const first = model.apply(byKey(objects));
  assert.deepEqual(versions(first), versions(build(text)));
  const [a, b] = ["uid-a", "uid-b"].map((uid) => first.workloads.get(uid));
  const changed = objects.map((object) =>
    object.metadata.name === "a"
      ? { ...object, metadata: { ...object.metadata, labels: {} } }
      : object,
  );
  const second = model.apply(diffObjects(byKey(objects), byKey(changed)));
  assert.equal(second.workloads.get("uid-b"), b);
  assert.notEqual(second.workloads.get("uid-a")?.resource.version, a?.resource.version);
});

const policy = (name: string, namespace: string, selector = ""): string => `---
apiVersion: policy.remora.dev/v1alpha1
kind: AuthorizationPolicy
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  action: Allow
  ${selector}
`;

test("a pod's proxy is told its policies: global, of its namespace, and selecting it", () => {
  const selector = "selector: {matchLabels: {app: web}}";
  const snapshot = build(
    pod("a", "10.0.0.1") +
      policy("everywhere", "remora-system") +
      policy("everywhere-web", "remora-system", selector) +
      policy("here", "shop") +
      policy("web", "shop", selector) +
      policy("others", "shop", "selector: {matchLabels: {app: other}}") +
      policy("there", "elsewhere") +
      policy("web-there", "elsewhere", selector),
  );
  const workload = snapshot.pods.get("shop/a");
  const names = (lookup: ReturnType<typeof authorizationLookup>) =>
    Array.from(lookup.all(), ({ name }) => name);
  assert.deepEqual(names(authorizationLookup(snapshot, workload)), [
    "remora-system/everywhere",
    "remora-system/everywhere-web",
    "shop/here",
    "shop/web",
  ]);
  assert.equal(names(authorizationLookup(snapshot, undefined)).length, 7);
  const [own] = decoded(snapshot, "uid-a");
  assert.deepEqual(own?.kind === "workload" && own.authorizationPolicies, [
    "remora-system/everywhere-web",
    "shop/web",
  ]);
});

test("what is encoded is read by protobuf-es too", () => {
  const [resource] = addressLookup(build(pod("a", "10.0.0.1"))).resolve("uid-a");
  assert.ok(resource);
  const { type } = fromBinary(AddressSchema, resource.body);
  assert.equal(type.case === "workload" && type.value.extensions[0]?.name, "remora.dev/proxy");
});
