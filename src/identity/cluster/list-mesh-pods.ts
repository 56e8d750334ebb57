/** The pods that take part in the mesh: those with a sidecar, and the programs of the control plane. */
import type { KubernetesClient } from "../../kubernetes/client.ts";
import type { RawList, RawObject } from "../../kubernetes/raw-object.ts";

export interface MeshPod {
  /** `NAMESPACE/NAME`. */
  readonly name: string;
  readonly uid: string;
  readonly ip: string;
  readonly role: "sidecar" | "control" | "identity";
  /** It is being deleted. */
  readonly ending: boolean;
}

export interface MeshPods {
  readonly running: readonly MeshPod[];
  /** Pods whose container does not run: they will read the newest bundle when it does. */
  readonly starting: number;
}

const injectedAnnotation = "remora.dev/injected";
const nameLabel = "app.kubernetes.io/name";
const sidecarContainer = "remora-proxy";
/** A page of 500 pods takes some 5 MB. */
const pageSize = 500;

/** Reads all pods page by page; keeps of each a few words. */
export async function listMeshPods(
  client: Pick<KubernetesClient, "request">,
  ownNamespace: string,
): Promise<MeshPods> {
  const running: MeshPod[] = [];
  let starting = 0;
  let next = "";
  do {
    const list: RawList = await client.request<RawList>({
      method: "GET",
      path: "/api/v1/pods",
      query: {
        fieldSelector: "status.phase!=Succeeded,status.phase!=Failed",
        limit: String(pageSize),
        ...(next === "" ? {} : { continue: next }),
      },
    });
    for (const pod of list.items ?? []) {
      const role = roleOf(pod, ownNamespace);
      if (role === undefined) continue;
      const found = readPod(pod, role);
      if (found === undefined) starting += 1;
      else running.push(found);
    }
    next = list.metadata?.continue ?? "";
  } while (next !== "");
  return { running, starting };
}

function roleOf(pod: RawObject, ownNamespace: string): MeshPod["role"] | undefined {
  const { namespace, annotations, labels } = pod.metadata;
  if (annotations?.[injectedAnnotation] !== undefined) return "sidecar";
  if (namespace !== ownNamespace) return undefined;
  if (labels?.[nameLabel] === "remora-control") return "control";
  return labels?.[nameLabel] === "remora-identity" ? "identity" : undefined;
}

interface PodStatus {
  readonly podIP?: string;
  readonly initContainerStatuses?: readonly ContainerStatus[];
  readonly containerStatuses?: readonly ContainerStatus[];
}

interface ContainerStatus {
  readonly name: string;
  readonly state?: { readonly running?: unknown };
}

/** Undefined while the container in question does not run. */
function readPod(pod: RawObject, role: MeshPod["role"]): MeshPod | undefined {
  const status = (pod["status"] ?? {}) as PodStatus;
  const containers = [
    ...(status.initContainerStatuses ?? []),
    ...(status.containerStatuses ?? []),
  ].filter(({ name }) => role !== "sidecar" || name === sidecarContainer);
  const isRunning = containers.some(({ state }) => state?.running !== undefined);
  if (status.podIP === undefined || !isRunning) return undefined;
  const { namespace, name, uid } = pod.metadata;
  return {
    name: `${namespace}/${name}`,
    uid: uid ?? "",
    ip: status.podIP,
    role,
    ending: (pod.metadata as { deletionTimestamp?: string }).deletionTimestamp !== undefined,
  };
}
