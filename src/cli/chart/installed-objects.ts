/** What of an installation is in a cluster: the objects that the chart made, in the order in which they may go. */

import type { Named } from "../check/objects.ts";
import type { Cluster } from "../cluster.ts";
import { meshNamespace } from "../cluster-options.ts";

export interface ObjectName {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** The webhook first, so that no pod waits for a program that is gone; what owns other objects near the end. */
const kinds: readonly (readonly [
  apiVersion: string,
  kind: string,
  plural: string,
  scope?: "cluster",
])[] = [
  [
    "admissionregistration.k8s.io/v1",
    "MutatingWebhookConfiguration",
    "mutatingwebhookconfigurations",
    "cluster",
  ],
  ["apps/v1", "Deployment", "deployments"],
  ["v1", "Service", "services"],
  ["policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"],
  ["networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"],
  ["monitoring.coreos.com/v1", "PodMonitor", "podmonitors"],
  ["v1", "ConfigMap", "configmaps"],
  ["v1", "ServiceAccount", "serviceaccounts"],
  ["rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"],
  ["rbac.authorization.k8s.io/v1", "Role", "roles"],
  ["rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", "cluster"],
  // Secrets, Leases and ConfigMaps that programs made are theirs, and go with them.
  ["rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", "cluster"],
  ["v1", "Namespace", "namespaces", "cluster"],
];

const partOfRemora = "app.kubernetes.io/part-of=remora";

/** Helm's own mark is on the objects of its releases. */
export interface InstalledObjects {
  readonly objects: readonly ObjectName[];
  /** The release's name when Helm installed it. */
  readonly helmRelease: string | undefined;
}

export async function listInstalledObjects(cluster: Cluster): Promise<InstalledObjects> {
  let helmRelease: string | undefined;
  const objects: ObjectName[] = [];
  for (const [apiVersion, kind, plural, scope] of kinds) {
    const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const place = scope === "cluster" ? "" : `/namespaces/${meshNamespace}`;
    for (const { metadata } of await cluster.list<Named>(
      `${root}${place}/${plural}`,
      partOfRemora,
    )) {
      helmRelease ??= metadata.annotations?.["meta.helm.sh/release-name"];
      const namespace = scope === "cluster" ? {} : { namespace: meshNamespace };
      objects.push({ apiVersion, kind, metadata: { name: metadata.name, ...namespace } });
    }
  }
  return { objects, helmRelease };
}

/** The kinds of policies; with them goes every policy. */
export async function listPolicyKinds(cluster: Cluster): Promise<readonly ObjectName[]> {
  const apiVersion = "apiextensions.k8s.io/v1";
  const path = `/apis/${apiVersion}/customresourcedefinitions`;
  const all = await cluster.list<Named>(path);
  return all
    .filter(({ metadata }) => metadata.name.endsWith(".policy.remora.dev"))
    .map(({ metadata }) => ({
      apiVersion,
      kind: "CustomResourceDefinition",
      metadata: { name: metadata.name },
    }));
}
