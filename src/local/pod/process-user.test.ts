import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod, PodSpec, SecurityContext } from "../../api/kubernetes.ts";
import { capabilityNames, defaultCapabilities } from "../sandbox/capability.ts";
import { type ProcessUser, resolveUser } from "./process-user.ts";

function resolve(own: SecurityContext, shared: PodSpec["securityContext"] = {}): ProcessUser {
  const container = { name: "web", securityContext: own };
  const spec = { containers: [container], securityContext: shared };
  const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "web" }, spec };
  return resolveUser(container, pod);
}

test("a spec that names no user runs as root with a container runtime's capabilities", () => {
  const { user, capabilities, noNewPrivileges } = resolve({});
  assert.deepEqual(user, { uid: 0, gid: 0, groups: [] });
  assert.deepEqual(capabilities, defaultCapabilities);
  assert.equal(noNewPrivileges, false);
});

test("the container's user wins over the pod's, and groups come from the pod", () => {
  const shared = { runAsUser: 1, runAsGroup: 2, fsGroup: 3, supplementalGroups: [4] };
  const { user } = resolve({ runAsUser: 10 }, shared);
  assert.deepEqual(user, { uid: 10, gid: 2, groups: [4, 3] });
});

test("a user other than root has no capabilities, whatever is added", () => {
  assert.deepEqual(
    resolve({ runAsUser: 10, capabilities: { add: ["NET_ADMIN"] } }).capabilities,
    [],
  );
});

test("root has exactly what is added when all is dropped", () => {
  const capabilities = { drop: ["ALL"], add: ["NET_ADMIN", "CAP_NET_RAW"] };
  assert.deepEqual(resolve({ capabilities }).capabilities, ["NET_ADMIN", "NET_RAW"]);
});

test("one capability is dropped from the default ones", () => {
  const { capabilities } = resolve({ capabilities: { drop: ["CHOWN"] } });
  assert.equal(capabilities.includes("CHOWN"), false);
  assert.equal(capabilities.length, defaultCapabilities.length - 1);
});

test("privileged means every capability", () => {
  assert.deepEqual(resolve({ privileged: true }).capabilities, capabilityNames);
});

test("contradictions and unknown capabilities are told", () => {
  assert.throws(() => resolve({ runAsNonRoot: true }), /would run as root; set runAsUser/);
  assert.throws(() => resolve({ capabilities: { add: ["FLY"] } }), /"FLY", which does not exist/);
});
