import assert from "node:assert/strict";
import { test } from "node:test";
import type { RawObject } from "../../kubernetes/raw-object.ts";
import { trimEndpointSlice, trimNode, trimPod, trimService } from "./trim.ts";

/** As the API server sends it, with what people, controllers and the kubelet write into it. */
const pod: RawObject = {
  metadata: {
    name: "web-7f-x1",
    namespace: "shop",
    uid: "u1",
    resourceVersion: "5",
    labels: { app: "web" },
    annotations: { "remora.dev/injected": "0.1.0", "example.com/large": "x".repeat(1_000) },
  },
  spec: {
    serviceAccountName: "web",
    nodeName: "n1",
    containers: [
      {
        name: "app",
        image: "app",
        env: [{ name: "SECRET", value: "hidden" }],
        ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }, { containerPort: 9090 }],
      },
      { name: "helper", image: "helper" },
    ],
  },
  status: {
    phase: "Running",
    podIP: "10.0.0.1",
    podIPs: [{ ip: "10.0.0.1" }],
    conditions: [
      { type: "Ready", status: "True", lastTransitionTime: "2030-01-01T00:00:00Z" },
      { type: "Initialized", status: "True" },
    ],
  },
};

test("of a pod is kept what the mesh is made of, and nothing else", () => {
  assert.deepEqual(trimPod(pod), {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "web-7f-x1",
      namespace: "shop",
      uid: "u1",
      labels: { app: "web" },
      annotations: { "remora.dev/injected": "0.1.0" },
    },
    spec: {
      serviceAccountName: "web",
      nodeName: "n1",
      containers: [
        { name: "app", ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }] },
      ],
    },
    status: {
      phase: "Running",
      podIP: "10.0.0.1",
      podIPs: [{ ip: "10.0.0.1" }],
      conditions: [{ type: "Ready", status: "True" }],
    },
  });
});

test("a pod that has no status yet and a slice with nulls are read all the same", () => {
  const { status: _status, ...young } = pod;
  assert.equal(trimPod(young as RawObject).status?.phase, "Unknown");
  const slice = { metadata: { name: "s" }, addressType: "IPv4", endpoints: null, ports: null };
  assert.deepEqual(trimEndpointSlice(slice).endpoints, []);
});

test("a Service keeps its ports and its selector, a node its zone", () => {
  const spec = {
    clusterIP: "10.1.0.1",
    sessionAffinity: "None",
    ports: [{ port: 80, nodePort: 3 }],
  };
  assert.deepEqual(trimService({ metadata: { name: "web", namespace: "shop" }, spec }).spec, {
    clusterIP: "10.1.0.1",
    ports: [{ port: 80 }],
  });
  const labels = { "topology.kubernetes.io/zone": "z", "kubernetes.io/os": "linux" };
  assert.deepEqual(trimNode({ metadata: { name: "n", labels } })?.metadata.labels, {
    "topology.kubernetes.io/zone": "z",
  });
  assert.equal(trimNode({ metadata: { name: "n" } }), undefined);
});
