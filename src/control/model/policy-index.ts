/** Policies by where they reach: those of the root namespace everywhere, all others in their own. */
import { authorizationType } from "../../api/discovery.ts";
import { AuthorizationSchema, type Scope } from "../../api/gen/authorization_pb.ts";
import type { WorkloadPolicy } from "../../api/mesh-policy.ts";
import type { AuthorizationPolicy, MeshPolicy } from "../../api/policy-kinds.ts";
import { resolveMeshPolicy } from "./mesh-policy.ts";
import { encodePolicy, policyKey, policyScope, policySelects } from "./policy.ts";
import { encodeResource, type Resource } from "./resource.ts";
import type { ModelPod } from "./workload.ts";

export interface AuthorizationResource {
  readonly resource: Resource;
  readonly scope: Scope;
  readonly namespace: string;
}

export interface PodPolicies {
  /** `NAMESPACE/NAME` of the AuthorizationPolicies that select the pod. */
  readonly policies: readonly string[];
  readonly meshPolicy: WorkloadPolicy | undefined;
}

export class PolicyIndex {
  /** By `NAMESPACE/NAME`. */
  readonly resources: Map<string, AuthorizationResource> = new Map();
  readonly #rootNamespace: string;
  readonly #selecting = new Map<string, AuthorizationPolicy>();
  readonly #mesh = new Map<string, MeshPolicy>();

  constructor(rootNamespace: string) {
    this.#rootNamespace = rootNamespace;
  }

  setAuthorization(key: string, policy: AuthorizationPolicy | undefined): void {
    this.#selecting.delete(key);
    if (policy === undefined) {
      this.resources.delete(key);
      return;
    }
    const message = encodePolicy(policy, this.#rootNamespace);
    const name = policyKey(policy);
    this.resources.set(key, {
      resource: encodeResource(name, authorizationType, AuthorizationSchema, message),
      scope: policyScope(policy, this.#rootNamespace),
      namespace: message.namespace,
    });
    if (policy.spec.selector !== undefined) this.#selecting.set(key, policy);
  }

  setMesh(key: string, policy: MeshPolicy | undefined): void {
    if (policy === undefined) this.#mesh.delete(key);
    else this.#mesh.set(key, policy);
  }

  /** Whether pods of all namespaces may be concerned by a policy of this one. */
  reachesAll(namespace: string): boolean {
    return namespace === this.#rootNamespace;
  }

  of(pod: ModelPod): PodPolicies {
    const rootNamespace = this.#rootNamespace;
    const policies: string[] = [];
    for (const [key, policy] of this.#selecting) {
      if (policySelects(policy, pod.object, rootNamespace)) policies.push(key);
    }
    const question = { pod: pod.object, rootNamespace, meshed: pod.meshed };
    const meshPolicy =
      this.#mesh.size === 0 ? undefined : resolveMeshPolicy([...this.#mesh.values()], question);
    return { policies, meshPolicy };
  }
}
