import assert from "node:assert/strict";
import { test } from "node:test";
import type { KnownObject, PodTemplate } from "../api/kubernetes.ts";
import { createPod, createSuffix, readWorkload, type Workload, workloadKey } from "./workload.ts";

const template: PodTemplate = {
  metadata: { labels: { app: "web" } },
  spec: { containers: [{ name: "web", command: ["web"] }] },
};

function read(kind: string, spec: object): Workload {
  const object = {
    apiVersion: "apps/v1",
    kind,
    metadata: { name: "web", namespace: "shop" },
    spec,
  };
  const workload = readWorkload(object as KnownObject);
  assert.ok(workload);
  return workload;
}

test("a Deployment has one replica unless it says otherwise, a DaemonSet one for the machine", () => {
  assert.equal(read("Deployment", { template }).replicas, 1);
  assert.equal(read("Deployment", { template, replicas: 3 }).replicas, 3);
  assert.equal(read("DaemonSet", { template }).replicas, 1);
});

test("a Job runs its completions one at a time and gives up after six failures", () => {
  const { replicas, parallelism, backoffLimit } = read("Job", { template, completions: 4 });
  assert.deepEqual(
    { replicas, parallelism, backoffLimit },
    { replicas: 4, parallelism: 1, backoffLimit: 6 },
  );
});

test("objects that make no pods are no workloads", () => {
  const object = { apiVersion: "v1", kind: "Service", metadata: { name: "web" }, spec: {} };
  assert.equal(readWorkload(object as KnownObject), undefined);
});

test("pods are named as Kubernetes names them", () => {
  const names = ["Deployment", "StatefulSet", "Job"].map((kind) => {
    const workload = read(kind, { template });
    return createPod(
      workload,
      createSuffix(workload, 2, () => 0),
      "uid",
    ).metadata.name;
  });
  assert.match(names[0] ?? "", /^web-[a-z0-9]{8}-bbbbb$/);
  assert.equal(names[1], "web-2");
  assert.equal(names[2], "web-bbbbb");
});

test("a pod gets what admission fills in: namespace, uid, owner, account, restart policy", () => {
  const pod = createPod(read("Job", { template }), "x", "u-1");
  assert.equal(pod.metadata.namespace, "shop");
  assert.equal(pod.metadata.uid, "u-1");
  assert.deepEqual(pod.metadata.ownerReferences, [{ kind: "Job", name: "web" }]);
  assert.equal(pod.spec.serviceAccountName, "default");
  assert.equal(pod.spec.restartPolicy, "Never");
});

test("the revision changes with the template and with nothing else", () => {
  const first = read("Deployment", { template });
  const scaled = read("Deployment", { template, replicas: 5 });
  const changed = read("Deployment", { template: { ...template, metadata: {} } });
  assert.equal(scaled.revision, first.revision);
  assert.notEqual(changed.revision, first.revision);
  assert.equal(workloadKey(first), "Deployment shop/web");
});
