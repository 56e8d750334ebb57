import assert from "node:assert/strict";
import { test } from "node:test";
import { findBlocked, type NetworkPolicy } from "./network-policies.ts";
import type { RunningPod } from "./objects.ts";

const pod: RunningPod = {
  metadata: { name: "web-1", namespace: "shop", labels: { app: "web" } },
  spec: { containers: [] },
};

function policy(spec: Partial<NetworkPolicy["spec"]>, namespace = "shop"): NetworkPolicy {
  return { metadata: { name: "p", namespace }, spec: { podSelector: {}, ...spec } };
}

const blockedIn = ["nobody reaches its port 15008 (p)"];

test("a pod that no policy selects is open", () => {
  assert.deepEqual(findBlocked(pod, []), []);
  assert.deepEqual(findBlocked(pod, [policy({ ingress: [] }, "other")]), []);
  const other = { podSelector: { matchLabels: { app: "cart" } } };
  assert.deepEqual(findBlocked(pod, [policy(other)]), []);
});

test("a policy that names the app's port alone closes the mesh's", () => {
  const ingress = [{ ports: [{ port: 8080 }] }];
  assert.deepEqual(findBlocked(pod, [policy({ ingress })]), blockedIn);
  assert.deepEqual(findBlocked(pod, [policy({})]), blockedIn);
});

test("any rule without ports, with the port, its range or its protocol alone opens it", () => {
  for (const rule of [
    {},
    { ports: [{ port: 15_008 }] },
    { ports: [{ port: 15_000, endPort: 15_100 }] },
    { ports: [{ protocol: "TCP" }] },
  ]) {
    assert.deepEqual(findBlocked(pod, [policy({}), policy({ ingress: [rule] })]), []);
  }
  const udp = [{ ports: [{ protocol: "UDP", port: 15_008 }] }];
  assert.deepEqual(findBlocked(pod, [policy({ ingress: udp })]), blockedIn);
});

test("outgoing policies must let the mesh's port and the control plane through", () => {
  const egress = [{ ports: [{ port: 15_008 }] }];
  assert.deepEqual(findBlocked(pod, [policy({ policyTypes: ["Egress"], egress })]), [
    "it reaches no port 15010 (p)",
    "it reaches no port 15012 (p)",
  ]);
});

test("expressions select as Kubernetes has them", () => {
  const select = (operator: string, key: string, values?: readonly string[]): boolean => {
    const expression = values === undefined ? { key, operator } : { key, operator, values };
    const podSelector = { matchExpressions: [expression] };
    return findBlocked(pod, [policy({ podSelector })]).length > 0;
  };
  assert.ok(select("In", "app", ["web", "cart"]));
  assert.ok(!select("In", "app", ["cart"]));
  assert.ok(!select("NotIn", "app", ["web"]));
  assert.ok(select("NotIn", "tier", ["web"]));
  assert.ok(select("Exists", "app") && !select("Exists", "tier"));
  assert.ok(select("DoesNotExist", "tier") && !select("DoesNotExist", "app"));
});
