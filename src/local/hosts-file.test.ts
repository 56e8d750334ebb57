import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod, Service } from "../api/kubernetes.ts";
import { formatHostsFile, type NamedPod, selects } from "./hosts-file.ts";

function podOf(name: string, namespace: string, ip: string, ready = true): NamedPod {
  const metadata = { name, namespace, labels: { app: "db" } };
  const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [] } };
  return { pod, ip, ready };
}

function serviceOf(name: string, namespace: string, spec: Service["spec"] = {}): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace },
    spec: { selector: { app: "db" }, ...spec },
  };
}

const self = podOf("web", "shop", "10.0.0.1");
const ready = podOf("db-0", "shop", "10.0.0.2");
const starting = podOf("db-1", "shop", "10.0.0.3", false);
const pods = [ready, starting];

test("a Service has its four names in its own namespace, and three elsewhere", () => {
  const services = [
    { service: serviceOf("db", "shop"), address: "10.9.0.2" },
    { service: serviceOf("db", "other"), address: "10.9.0.3" },
  ];
  const lines = formatHostsFile(self, true, { pods, services }).split("\n");
  assert.deepEqual(lines, [
    "127.0.0.1 localhost",
    "::1 localhost ip6-localhost ip6-loopback",
    "10.0.0.1 web",
    "10.9.0.2 db db.shop db.shop.svc db.shop.svc.cluster.local",
    "10.9.0.3 db.other db.other.svc db.other.svc.cluster.local",
    "",
  ]);
});

test("a headless Service stands for its ready pods, each with a name of its own", () => {
  const services = [
    { service: serviceOf("db", "shop", { clusterIP: "None" }), address: undefined },
  ];
  const lines = formatHostsFile(self, true, { pods, services }).split("\n").slice(3, -1);
  assert.deepEqual(lines, [
    "10.0.0.2 db db.shop db.shop.svc db.shop.svc.cluster.local",
    "10.0.0.2 db-0.db db-0.db.shop db-0.db.shop.svc db-0.db.shop.svc.cluster.local",
  ]);
});

test("a pod that is not ready has a name where the Service publishes it", () => {
  const spec = { clusterIP: "None", publishNotReadyAddresses: true };
  const services = [{ service: serviceOf("db", "shop", spec), address: undefined }];
  assert.match(formatHostsFile(self, true, { pods, services }), /^10\.0\.0\.3 db /m);
});

test("without a sidecar nobody answers at a virtual address, so names stand for pods", () => {
  const services = [{ service: serviceOf("db", "shop"), address: "10.9.0.2" }];
  const text = formatHostsFile(self, false, { pods, services });
  assert.match(text, /^10\.0\.0\.2 db /m);
  assert.doesNotMatch(text, /10\.9\.0\.2/);
});

test("a Service selects pods of its namespace by all its labels, and none without a selector", () => {
  assert.equal(selects(serviceOf("db", "shop"), ready.pod), true);
  assert.equal(selects(serviceOf("db", "other"), ready.pod), false);
  assert.equal(
    selects(serviceOf("db", "shop", { selector: { app: "db", tier: "1" } }), ready.pod),
    false,
  );
  assert.equal(selects(serviceOf("db", "shop", { selector: {} }), ready.pod), false);
});
