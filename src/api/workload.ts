/** Workloads and services as a proxy holds them: istio.workload.Address in readonly TypeScript. */

import type { WorkloadPolicy } from "./mesh-policy.ts";

/** A declared protocol; `unknown` must be detected. */
export type PortProtocol = "unknown" | "http1" | "http2" | "grpc" | "tcp" | "tls";

export interface PortMapping {
  readonly servicePort: number;
  /** 0 in a service: named, so the endpoint says it. */
  readonly targetPort: number;
  readonly protocol: PortProtocol;
}

export interface Workload {
  readonly kind: "workload";
  /** The resource's name and what tells one life of an address from the next. */
  readonly uid: string;
  /** The pod's own name. */
  readonly name: string;
  /** What the pod is one of: the name of its Deployment or Job, or its own. */
  readonly workloadName: string;
  readonly namespace: string;
  /** Normal text form. */
  readonly addresses: readonly string[];
  readonly hbone: boolean;
  /** Whether a Remora proxy runs beside it, which speaks our mesh hop. */
  readonly remora: boolean;
  readonly trustDomain: string;
  readonly serviceAccount: string;
  /** Several workloads of a node share its address: it is never found by it. */
  readonly hostNetwork: boolean;
  readonly healthy: boolean;
  /** `NAMESPACE/NAME` of the policies that select it. */
  readonly authorizationPolicies: readonly string[];
  /** What MeshPolicies say of it; absent when none says anything. */
  readonly meshPolicy?: WorkloadPolicy;
  /** `NAMESPACE/HOSTNAME` of a service to the ports that this workload serves of it. */
  readonly services: ReadonlyMap<string, readonly PortMapping[]>;
}

export interface MeshService {
  readonly kind: "service";
  readonly name: string;
  readonly namespace: string;
  readonly hostname: string;
  readonly addresses: readonly string[];
  readonly ports: readonly PortMapping[];
  /** Unhealthy endpoints are used too. */
  readonly allowUnhealthy: boolean;
}

export type MeshAddress = Workload | MeshService;

/** The name of the entry in a workload's `extensions` that says that a Remora proxy runs beside it. */
export const remoraExtension = "remora.dev/proxy";

/** `NAMESPACE/HOSTNAME`: how resources and workloads name a service. */
export function serviceKey(service: Pick<MeshService, "namespace" | "hostname">): string {
  return `${service.namespace}/${service.hostname}`;
}
