/** The kinds of `policy.remora.dev/v1alpha1`, as they are written; docs/policy.md describes them. */
import type { KubernetesObject, LabelSelector } from "./kubernetes.ts";

/** Every field that is set must hold; one value of a field is enough, and none of a `not` field may hold. */
export interface AuthorizationPeers {
  /** Identities with or without `spiffe://`; a `*` at the start or the end stands for anything, alone for any identity. */
  readonly principals?: readonly string[];
  readonly notPrincipals?: readonly string[];
  /** `NAMESPACE/NAME`, or `NAME` in the policy's own namespace; of any trust domain. */
  readonly serviceAccounts?: readonly string[];
  readonly notServiceAccounts?: readonly string[];
  readonly namespaces?: readonly string[];
  readonly notNamespaces?: readonly string[];
  /** Source addresses: an IP or a CIDR block. */
  readonly addresses?: readonly string[];
  readonly notAddresses?: readonly string[];
}

/** Where there is a condition beside the ports, the rule is about HTTP requests. */
export interface AuthorizationTarget {
  /** Ports of the container, not of the Service. */
  readonly ports?: readonly number[];
  readonly notPorts?: readonly number[];
  /** Names without a port, in any case; a `*` at the start or the end stands for anything. */
  readonly hosts?: readonly string[];
  readonly notHosts?: readonly string[];
  readonly methods?: readonly string[];
  readonly notMethods?: readonly string[];
  /** Without a query; a `*` at the start or the end stands for anything. */
  readonly paths?: readonly string[];
  readonly notPaths?: readonly string[];
  /** All of them. */
  readonly headers?: readonly HeaderCondition[];
}

export interface HeaderCondition {
  readonly name: string;
  /** A `*` at the start or the end stands for anything. */
  readonly values?: readonly string[];
  readonly notValues?: readonly string[];
  readonly present?: boolean;
}

/** Without `from` any client, without `to` anything. */
export interface AuthorizationRule {
  readonly from?: AuthorizationPeers;
  readonly to?: AuthorizationTarget;
}

/** `policy.remora.dev/v1alpha1`, described in docs/policy.md. */
export interface AuthorizationPolicy extends KubernetesObject {
  readonly kind: "AuthorizationPolicy";
  readonly spec: {
    /** Absent: every pod. Pods of the policy's namespace; in `remora-system`, of the whole mesh. */
    readonly selector?: LabelSelector;
    readonly action: "Allow" | "Deny";
    /** Any of them; a policy without rules matches nothing. */
    readonly rules?: readonly AuthorizationRule[];
    /** Report what the policy would do, and do not enforce it. */
    readonly audit?: boolean;
  };
}

/** Left out: what a less specific MeshPolicy says. */
export interface MeshPolicySettings {
  readonly mtls?: "Permissive" | "Strict";
  /** What happens to a client about whom no AuthorizationPolicy says anything. */
  readonly defaultAction?: "Allow" | "Deny";
}

/** `policy.remora.dev/v1alpha1`, described in docs/policy.md. */
export interface MeshPolicy extends KubernetesObject {
  readonly kind: "MeshPolicy";
  readonly spec: MeshPolicySettings & {
    /** Absent: every pod. Pods of the policy's namespace; in `remora-system`, of the whole mesh. */
    readonly selector?: LabelSelector;
    /** Ports of the container for which something else holds. */
    readonly ports?: readonly (MeshPolicySettings & { readonly port: number })[];
  };
}
