/** Pods that should be in the mesh and are not, and sidecars that are not of the mesh's version. */
import {
  explainUnmeshed,
  meshStateOf,
  readMeshFacts,
} from "../../../injector/cluster/mesh-state.ts";
import type { NamespaceMeta } from "../../../injector/eligibility.ts";
import { injectLabel, statusAnnotation } from "../../../injector/options.ts";
import { readPod } from "../../../injector/pod-shape.ts";
import type { Cluster } from "../cluster.ts";
import { meshNamespace } from "../cluster-options.ts";
import { type Check, createCheck, ok, warn } from "./finding.ts";
import { type Deployment, type Namespace, nameOf, type RunningPod, sidecarOf } from "./objects.ts";
import { deploymentPath } from "./programs.ts";

/** Names of the namespaces that opted in, and of those with a pod that did. */
export async function findOptedIn(cluster: Cluster): Promise<readonly string[]> {
  const namespaces = await cluster.list<Namespace>("/api/v1/namespaces", `${injectLabel}=enabled`);
  const pods = await cluster.list<RunningPod>("/api/v1/pods", `${injectLabel}=enabled`);
  const names = [
    ...namespaces.map(({ metadata }) => metadata.name),
    ...pods.map(({ metadata }) => metadata.namespace ?? "default"),
  ];
  return [...new Set(names)].filter((name) => name !== meshNamespace && name !== "kube-system");
}

/** Pods of opted-in namespaces that have not ended. */
export async function findCandidates(cluster: Cluster): Promise<readonly RunningPod[]> {
  const namespaces = await findOptedIn(cluster);
  const lists = await Promise.all(
    namespaces.map((name) => cluster.list<RunningPod>(`/api/v1/namespaces/${name}/pods`)),
  );
  return lists.flat().filter(({ status, metadata }) => {
    const isOver = status?.phase === "Succeeded" || status?.phase === "Failed";
    return !isOver && metadata.deletionTimestamp === undefined;
  });
}

export function isMeshed(pod: RunningPod): boolean {
  return sidecarOf(pod) !== undefined;
}

const unmeshed = createCheck("unmeshed-pods", async ({ cluster }) => {
  const pods = await findCandidates(cluster);
  const namespaces = await cluster.list<Namespace>("/api/v1/namespaces");
  const meshed = pods.filter(isMeshed);
  const reasons = pods
    .filter((pod) => !isMeshed(pod))
    .flatMap((pod) => {
      const home = namespaces.find(({ metadata }) => metadata.name === pod.metadata.namespace);
      const reason = describeReason(pod, home?.metadata ?? {});
      return reason === undefined ? [] : [`${nameOf(pod)}: ${reason}`];
    });
  if (reasons.length === 0) return ok(`${meshed.length} pods are in the mesh, and none is missing`);
  return warn(
    `${reasons.length} pods should be in the mesh and are not; ${meshed.length} are`,
    "restart those that can be meshed: kubectl rollout restart deployment -n NAMESPACE NAME",
    reasons,
  );
});

/** Undefined for a pod that wants to stay outside, or has ended. */
function describeReason(pod: RunningPod, namespace: NamespaceMeta): string | undefined {
  const read = readPod(pod);
  if (typeof read === "string") return read;
  const facts = readMeshFacts(read);
  const state = facts && meshStateOf(facts, namespace);
  if (state?.kind !== "unmeshed" || state.reason === "opted_out") return undefined;
  return explainUnmeshed(state.reason, read);
}

const sidecars = createCheck("sidecar-versions", async ({ cluster }) => {
  const injector = await cluster.get<Deployment>(deploymentPath("remora-injector"));
  const wanted = injector?.metadata.labels?.["app.kubernetes.io/version"];
  const image = injector?.spec.template.spec.containers[0]?.image;
  const pods = (await findCandidates(cluster)).filter(isMeshed);
  const others = pods.flatMap((pod) => {
    const version = pod.metadata.annotations?.[statusAnnotation];
    const sidecar = sidecarOf(pod);
    if (version === wanted && sidecar?.image === image) return [];
    return [`${nameOf(pod)}: ${version}, image ${sidecar?.image ?? "unknown"}`];
  });
  if (others.length === 0) return ok(`${pods.length} sidecars are of the injector's version`);
  return warn(
    `${others.length} of ${pods.length} sidecars are not of the injector's version or image`,
    "they go on working; a restart of their workloads renews them",
    others,
  );
});

export const workloadChecks: readonly Check[] = [unmeshed, sidecars];
