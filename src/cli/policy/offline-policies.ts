/** The policies of manifests as the sidecar of one of their pods would hold them: through control's encoder and the wire. */
import { toBinary } from "@bufbuild/protobuf";
import { noPolicySnapshot, type PolicySnapshot } from "../../api/authorization.ts";
import { AuthorizationSchema } from "../../api/gen/authorization_pb.ts";
import type { KnownObject, Pod } from "../../api/kubernetes.ts";
import { openWorkloadPolicy } from "../../api/mesh-policy.ts";
import type { AuthorizationPolicy, MeshPolicy } from "../../api/policy-kinds.ts";
import { decodeAuthorization } from "../../api/wire/authorization.ts";
import { resolveMeshPolicy } from "../../control/model/mesh-policy.ts";
import { encodePolicy, policyReaches } from "../../control/model/policy.ts";
import { createPod, readWorkload } from "../../local/workload.ts";

/** Policies of this namespace are about the whole mesh. */
export const rootNamespace = "remora-system";

/** The pods that the objects are or would make, one of each kind. */
export function podsOf(objects: readonly KnownObject[]): readonly Pod[] {
  return objects.flatMap((object) => {
    const workload = readWorkload(object);
    return workload === undefined ? [] : [createPod(workload, "x", "")];
  });
}

/** The pod of this name, or one of those that the controller of this name makes. */
export function findPod(
  objects: readonly KnownObject[],
  namespace: string,
  name: string,
): Pod | undefined {
  const named = objects.filter(
    ({ metadata }) => metadata.name === name && (metadata.namespace ?? "default") === namespace,
  );
  return podsOf(named)[0];
}

export function isPolicy(object: KnownObject): object is AuthorizationPolicy | MeshPolicy {
  return object.kind === "AuthorizationPolicy" || object.kind === "MeshPolicy";
}

export function policiesFor(objects: readonly KnownObject[], pod: Pod): PolicySnapshot {
  const meshPolicies: MeshPolicy[] = [];
  const policies = objects.filter(isPolicy).flatMap((policy) => {
    if (policy.kind === "MeshPolicy") meshPolicies.push(policy);
    if (policy.kind === "MeshPolicy" || !policyReaches(policy, pod, rootNamespace)) return [];
    const message = encodePolicy(policy, rootNamespace);
    return [decodeAuthorization(toBinary(AuthorizationSchema, message))];
  });
  const question = { pod, rootNamespace, meshed: true };
  const mesh = resolveMeshPolicy(meshPolicies, question) ?? openWorkloadPolicy;
  return { ...noPolicySnapshot, loaded: true, policies, mesh };
}
