/** Who owns what a program creates at run time: its ClusterRole, so that an uninstalled mesh leaves nothing behind. */
import type { KubernetesClient } from "./client.ts";
import { isNotFound } from "./kubernetes-error.ts";

export interface OwnedMetadata {
  readonly labels: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly uid: string;
  }[];
}

/**
 * What the metadata of a created object must hold. Without that ClusterRole, as in a mesh that somebody made by hand,
 * there is no owner.
 */
export async function readOwnedMetadata(
  client: KubernetesClient,
  clusterRole: string,
): Promise<OwnedMetadata> {
  const labels = { "app.kubernetes.io/managed-by": "remora" };
  const apiVersion = "rbac.authorization.k8s.io/v1";
  try {
    const owner = await client.request<{ metadata: { name: string; uid: string } }>({
      method: "GET",
      path: `/apis/${apiVersion}/clusterroles/${encodeURIComponent(clusterRole)}`,
    });
    const { name, uid } = owner.metadata;
    return { labels, ownerReferences: [{ apiVersion, kind: "ClusterRole", name, uid }] };
  } catch (error) {
    if (isNotFound(error)) return { labels };
    throw error;
  }
}
