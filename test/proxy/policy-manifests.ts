/** Policies as people write them, in the form in which a sidecar holds them: through control's encoder and the wire. */
import assert from "node:assert/strict";
import { toBinary } from "@bufbuild/protobuf";
import { noPolicySnapshot, type PolicySnapshot } from "../../src/api/authorization.ts";
import { AuthorizationSchema } from "../../src/api/gen/authorization_pb.ts";
import { WorkloadPolicySchema } from "../../src/api/gen/remora-policy_pb.ts";
import type { Pod } from "../../src/api/kubernetes.ts";
import { openWorkloadPolicy } from "../../src/api/mesh-policy.ts";
import type { MeshPolicy } from "../../src/api/policy-kinds.ts";
import { decodeAuthorization } from "../../src/api/wire/authorization.ts";
import { decodeWorkloadPolicy } from "../../src/api/wire/workload-policy.ts";
import { parseManifests } from "../../src/control/manifests/parse.ts";
import { encodeMeshPolicy, resolveMeshPolicy } from "../../src/control/model/mesh-policy.ts";
import { encodePolicy } from "../../src/control/model/policy.ts";

const rootNamespace = "remora-system";
const pod: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "server", namespace: "test" },
  spec: { containers: [] },
};

/** `policies` as `NAME: KIND SPEC` in YAML flow style, of the namespace `test`. */
export function policiesOf(policies: Readonly<Record<string, string>>): PolicySnapshot {
  const text = Object.entries(policies).map(([name, written]) => {
    const [kind = "", ...spec] = written.split(" ");
    return `apiVersion: policy.remora.dev/v1alpha1\nkind: ${kind}\nmetadata: {name: ${name}, namespace: test}\nspec: ${spec.join(" ")}\n`;
  });
  const { objects, problems } = parseManifests(text.join("---\n"), "policies.yaml");
  assert.deepEqual(problems, []);
  const meshPolicies: MeshPolicy[] = [];
  const authorizations = objects.flatMap(({ object }) => {
    if (object.kind === "MeshPolicy") meshPolicies.push(object);
    if (object.kind !== "AuthorizationPolicy") return [];
    const bytes = toBinary(AuthorizationSchema, encodePolicy(object, rootNamespace));
    return [decodeAuthorization(bytes)];
  });
  const mesh = resolveMeshPolicy(meshPolicies, { pod, rootNamespace, meshed: true });
  const bytes = mesh && toBinary(WorkloadPolicySchema, encodeMeshPolicy(mesh));
  return {
    ...noPolicySnapshot,
    loaded: true,
    policies: authorizations,
    mesh: bytes === undefined ? openWorkloadPolicy : decodeWorkloadPolicy(bytes),
  };
}
