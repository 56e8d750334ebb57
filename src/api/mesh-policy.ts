/** What the MeshPolicies come to for one workload: remora.policy.v1.WorkloadPolicy in readonly TypeScript. */

export type MtlsMode = "permissive" | "strict";

export interface PortPolicy {
  readonly mtls: MtlsMode;
  /** `NAMESPACE/NAME` of the MeshPolicy that says so; empty when none does. */
  readonly mtlsPolicy: string;
  /** What happens to a client about whom no AuthorizationPolicy says anything. */
  readonly defaultAction: "allow" | "deny";
  readonly defaultPolicy: string;
}

export interface WorkloadPolicy {
  readonly all: PortPolicy;
  /** Ports for which something else holds. */
  readonly ports: ReadonlyMap<number, PortPolicy>;
}

const openPortPolicy: PortPolicy = {
  mtls: "permissive",
  mtlsPolicy: "",
  defaultAction: "allow",
  defaultPolicy: "",
};

/** What holds until a MeshPolicy says otherwise: a mesh that is put under running applications breaks none of them. */
export const openWorkloadPolicy: WorkloadPolicy = { all: openPortPolicy, ports: new Map() };

/** The entry in a workload's `extensions` that holds its WorkloadPolicy. */
export const meshPolicyExtension = "policy.remora.dev/mesh";

export function portPolicy(policy: WorkloadPolicy, port: number): PortPolicy {
  return policy.ports.get(port) ?? policy.all;
}
