import assert from "node:assert/strict";
import { test } from "node:test";
import { toBinary } from "@bufbuild/protobuf";
import { WorkloadPolicySchema } from "../../api/gen/remora-policy_pb.ts";
import type { Pod } from "../../api/kubernetes.ts";
import { portPolicy, type WorkloadPolicy } from "../../api/mesh-policy.ts";
import type { MeshPolicy } from "../../api/policy-kinds.ts";
import { decodeWorkloadPolicy } from "../../api/wire/workload-policy.ts";
import { encodeMeshPolicy, resolveMeshPolicy } from "./mesh-policy.ts";

const root = "remora-system";
const web: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "shop", labels: { app: "web" } },
  spec: { containers: [] },
};

const policy = (place: string, spec: MeshPolicy["spec"]): MeshPolicy => {
  const [namespace = "", name = ""] = place.split("/");
  const apiVersion = "policy.remora.dev/v1alpha1";
  return { apiVersion, kind: "MeshPolicy", metadata: { name, namespace }, spec };
};
const resolve = (meshed: boolean, ...policies: MeshPolicy[]): WorkloadPolicy | undefined =>
  resolveMeshPolicy(policies, { pod: web, rootNamespace: root, meshed });
const selector = { matchLabels: { app: "web" } };

test("without a policy about the pod there is nothing to say", () => {
  const elsewhere = policy("other/a", { mtls: "Strict" });
  const others = policy("shop/b", { mtls: "Strict", selector: { matchLabels: { app: "db" } } });
  assert.equal(resolve(true, elsewhere, others), undefined);
});

test("the most specific policy that says something decides, setting by setting", () => {
  const levels = [
    policy(`${root}/mesh`, { mtls: "Strict", defaultAction: "Deny" }),
    policy("shop/namespace", { mtls: "Permissive" }),
    policy(`${root}/chosen`, { mtls: "Strict", selector }),
    policy("shop/workload", { mtls: "Permissive", selector }),
  ];
  const winners = levels.map((_, index) => resolve(true, ...levels.slice(0, index + 1))?.all);
  assert.deepEqual(
    winners.map((all) => [all?.mtls, all?.mtlsPolicy]),
    [
      ["strict", `${root}/mesh`],
      ["permissive", "shop/namespace"],
      ["strict", `${root}/chosen`],
      ["permissive", "shop/workload"],
    ],
  );
  for (const all of winners) {
    assert.deepEqual([all?.defaultAction, all?.defaultPolicy], ["deny", `${root}/mesh`]);
  }
});

test("what a policy says of a port goes before what it says of all, and a nearer policy before both", () => {
  const far = policy("shop/a", {
    mtls: "Strict",
    ports: [
      { port: 80, mtls: "Permissive" },
      { port: 81, defaultAction: "Deny" },
    ],
  });
  const alone = resolve(true, far);
  assert.ok(alone);
  assert.equal(portPolicy(alone, 80).mtls, "permissive");
  assert.deepEqual(
    [portPolicy(alone, 81).mtls, portPolicy(alone, 81).defaultAction],
    ["strict", "deny"],
  );
  assert.deepEqual(
    [portPolicy(alone, 82).mtls, portPolicy(alone, 82).defaultAction],
    ["strict", "allow"],
  );
  const both = resolve(true, far, policy("shop/b", { mtls: "Strict", selector }));
  assert.ok(both);
  assert.equal(portPolicy(both, 80).mtls, "strict");
});

test("of two policies of the same level the stricter wins, whatever their order", () => {
  const soft = policy("shop/a", { mtls: "Permissive", defaultAction: "Allow" });
  const hard = policy("shop/b", { mtls: "Strict", defaultAction: "Deny" });
  assert.deepEqual(resolve(true, soft, hard), resolve(true, hard, soft));
  assert.deepEqual(resolve(true, soft, hard)?.all, {
    mtls: "strict",
    mtlsPolicy: "shop/b",
    defaultAction: "deny",
    defaultPolicy: "shop/b",
  });
});

test("what the whole mesh is told is not about a pod without a sidecar, and a nearer policy is", () => {
  const mesh = policy(`${root}/mesh`, { mtls: "Strict" });
  assert.equal(resolve(false, mesh), undefined);
  assert.equal(resolve(false, mesh, policy("shop/a", { mtls: "Strict" }))?.all.mtls, "strict");
});

test("a proxy reads what control has written", () => {
  const policies = [
    policy("shop/a", { mtls: "Strict", ports: [{ port: 9090, mtls: "Permissive" }] }),
    policy(`${root}/b`, { defaultAction: "Deny" }),
  ];
  const resolved = resolve(true, ...policies);
  assert.ok(resolved);
  const bytes = toBinary(WorkloadPolicySchema, encodeMeshPolicy(resolved));
  assert.deepEqual(decodeWorkloadPolicy(bytes), resolved);
});

test("a mode that a proxy does not know is the stricter one for it", () => {
  // PortPolicy { mtls: 7, default_action: 9 } as `all`.
  const bytes = Uint8Array.of(0x0a, 4, 0x10, 7, 0x20, 9);
  const { all } = decodeWorkloadPolicy(bytes);
  assert.deepEqual([all.mtls, all.defaultAction], ["strict", "deny"]);
});
