/** A pod of a cluster by the words of a command line: its name, or deploy/NAME for any pod of a controller. */
import { UserError } from "../../local/user-error.ts";
import { type PodContainer, type RunningPod, sidecarOf } from "../check/objects.ts";
import type { Cluster } from "../cluster.ts";
import { UsageError } from "../command.ts";

const controllers: Readonly<Record<string, string>> = {
  deploy: "/apis/apps/v1/deployments",
  deployment: "/apis/apps/v1/deployments",
  sts: "/apis/apps/v1/statefulsets",
  statefulset: "/apis/apps/v1/statefulsets",
  ds: "/apis/apps/v1/daemonsets",
  daemonset: "/apis/apps/v1/daemonsets",
  job: "/apis/batch/v1/jobs",
};

interface Controller {
  readonly spec?: {
    readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
  };
}

export interface MeshedPod {
  readonly name: string;
  readonly namespace: string;
  readonly sidecar: PodContainer;
}

/** Throws a UserError when there is no such pod, or it has no sidecar. */
export async function findMeshedPod(
  cluster: Cluster,
  namespace: string,
  target: string,
): Promise<MeshedPod> {
  const pods = await findPods(cluster, namespace, target);
  const running = pods.filter(({ status }) => status?.phase === "Running");
  const [pod] = running.length > 0 ? running : pods;
  if (pod === undefined) {
    throw new UserError(`there is no pod "${target}" in the namespace ${namespace}`);
  }
  const sidecar = sidecarOf(pod);
  if (sidecar === undefined) {
    throw new UserError(`pod ${pod.metadata.name} has no sidecar`, "remora check tells why");
  }
  return { name: pod.metadata.name, namespace, sidecar };
}

async function findPods(
  cluster: Cluster,
  namespace: string,
  target: string,
): Promise<readonly RunningPod[]> {
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const [kind = "", name, ...rest] = target.split("/");
  if (name === undefined) {
    const pod = await cluster.get<RunningPod>(`${pods}/${encodeURIComponent(kind)}`);
    return pod === undefined ? [] : [pod];
  }
  const path = controllers[kind];
  if (path === undefined || name === "" || rest.length > 0) {
    throw new UsageError(`"${target}" is neither a pod's name nor deploy/NAME`);
  }
  const at = path.lastIndexOf("/");
  const own = `${path.slice(0, at)}/namespaces/${namespace}${path.slice(at)}`;
  const controller = await cluster.get<Controller>(`${own}/${encodeURIComponent(name)}`);
  const labels = Object.entries(controller?.spec?.selector?.matchLabels ?? {});
  if (labels.length === 0) return [];
  return await cluster.list<RunningPod>(
    pods,
    labels.map(([key, value]) => `${key}=${value}`).join(","),
  );
}
