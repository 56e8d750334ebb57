import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod, PodSpec } from "../../src/api/kubernetes.ts";
import { type MeshState, meshStateOf, readMeshFacts } from "./mesh-state.ts";

const enabled = { labels: { "remora.dev/inject": "enabled" } };
const disabled = { labels: { "remora.dev/inject": "disabled" } };
const sidecar = { name: "remora-proxy" };
const unmeshed = (reason: string): MeshState => ({ kind: "unmeshed", reason }) as MeshState;

function podOf(
  spec: Partial<PodSpec> = {},
  metadata: Partial<Pod["metadata"]> = {},
  phase = "Running",
): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web-1", ...metadata },
    spec: { containers: [{ name: "web" }], ...spec },
    status: { phase },
  };
}

const version = { annotations: { "remora.dev/injected": "1.2.3" } };
const reserved = { runAsUser: 15_008 };
const states: readonly (readonly [string, Pod, object, MeshState])[] = [
  ["an ordinary pod of an ordinary namespace", podOf(), {}, { kind: "outside" }],
  ["a pod that is older than the opt-in", podOf(), enabled, unmeshed("not_injected")],
  ["the node's network", podOf({ hostNetwork: true }), enabled, unmeshed("host_network")],
  ["Windows", podOf({ os: { name: "windows" } }), enabled, unmeshed("windows")],
  [
    "another mesh",
    podOf({ initContainers: [{ name: "istio-proxy" }] }),
    enabled,
    unmeshed("other_mesh"),
  ],
  ["an opt-out", podOf({}, disabled), enabled, unmeshed("opted_out")],
  ["an opt-out that changes nothing", podOf({}, disabled), {}, { kind: "outside" }],
  ["a pod's own opt-in", podOf({}, enabled), {}, unmeshed("not_injected")],
  ["the sidecar's uid", podOf({ securityContext: reserved }), enabled, unmeshed("not_possible")],
  [
    "a sidecar",
    podOf({ initContainers: [sidecar] }, version),
    enabled,
    { kind: "meshed", version: "1.2.3" },
  ],
  [
    "a sidecar that nobody marked",
    podOf({ initContainers: [sidecar] }),
    {},
    { kind: "meshed", version: "" },
  ],
  ["the mark without a sidecar", podOf({}, version), enabled, unmeshed("not_injected")],
];
for (const [what, pod, namespace, expected] of states) {
  test(`a running pod is found as it is: ${what}`, () => {
    const facts = readMeshFacts(pod);
    assert.ok(facts);
    assert.deepEqual(meshStateOf(facts, namespace), expected);
  });
}

test("pods that ended or are ending are no news", () => {
  assert.equal(readMeshFacts(podOf({}, {}, "Succeeded")), undefined);
  assert.equal(readMeshFacts(podOf({}, {}, "Failed")), undefined);
  assert.equal(readMeshFacts(podOf({}, { deletionTimestamp: "2030-01-01T00:00:00Z" })), undefined);
});
