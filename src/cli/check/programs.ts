/** Are identity, control and injector there, ready and of one version? */
import { meshNamespace } from "../cluster-options.ts";
import { type Check, createCheck, fail, ok, warn } from "./finding.ts";
import type { Deployment, RunningPod } from "./objects.ts";

export const programNames = ["remora-identity", "remora-control", "remora-injector"] as const;

export function deploymentPath(name: string): string {
  return `/apis/apps/v1/namespaces/${meshNamespace}/deployments/${name}`;
}

const programs: readonly Check[] = programNames.map((name) =>
  createCheck(name.replace("remora-", ""), async ({ cluster }) => {
    const deployment = await cluster.get<Deployment>(deploymentPath(name));
    if (deployment === undefined) {
      return fail(`${name} is not installed`, "remora install | kubectl apply -f -");
    }
    const wanted = deployment.spec.replicas ?? 1;
    const {
      readyReplicas = 0,
      updatedReplicas = 0,
      observedGeneration = 0,
    } = deployment.status ?? {};
    const isRolling =
      observedGeneration < (deployment.metadata.generation ?? 0) || updatedReplicas < wanted;
    if (readyReplicas >= wanted && !isRolling) return ok(`${readyReplicas} of ${wanted} ready`);
    const pods = await cluster.list<RunningPod>(
      `/api/v1/namespaces/${meshNamespace}/pods`,
      `app.kubernetes.io/name=${name}`,
    );
    const what = `${readyReplicas} of ${wanted} ready${isRolling ? ", an update is under way" : ""}`;
    const next = `kubectl describe pod -n ${meshNamespace} -l app.kubernetes.io/name=${name}`;
    const details = pods.flatMap(describeTrouble);
    return readyReplicas === 0 ? fail(what, next, details) : warn(what, next, details);
  }),
);

/** Why a pod is not ready, in the kubelet's words. */
function describeTrouble({ metadata, status }: RunningPod): readonly string[] {
  const waiting = (status?.containerStatuses ?? []).flatMap(({ state }) => {
    const { reason, message } = state?.waiting ?? {};
    return reason === undefined ? [] : [`${metadata.name}: ${reason} ${message ?? ""}`.trim()];
  });
  if (waiting.length > 0) return waiting;
  const unscheduled = status?.conditions?.find(
    ({ type, status: value }) => type === "PodScheduled" && value === "False",
  );
  return unscheduled === undefined ? [] : [`${metadata.name}: ${unscheduled.message ?? ""}`];
}

const versions = createCheck("versions", async ({ cluster, version }) => {
  const found = new Map<string, string>();
  for (const name of programNames) {
    const deployment = await cluster.get<Deployment>(deploymentPath(name));
    const label = deployment?.metadata.labels?.["app.kubernetes.io/version"];
    if (label !== undefined) found.set(name, label);
  }
  const each = new Set(found.values());
  const list = [...found].map(([name, label]) => `${name} is ${label}`);
  if (each.size > 1) {
    return fail(
      "the programs are of different versions",
      "remora upgrade | kubectl apply -f -",
      list,
    );
  }
  const [installed = version] = each;
  if (installed === version) return ok(`all are ${version}, and so is this command`);
  return warn(
    `the mesh is ${installed}, and this command is ${version}`,
    `use the command of version ${installed}, or: remora upgrade | kubectl apply -f -`,
  );
});

export const programChecks: readonly Check[] = [...programs, versions];
