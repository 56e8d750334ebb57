/** Finds the pod that a person means: `web-0`, `web`, `deploy/web`. */
import type { MeshPod } from "./mesh-pod.ts";
import type { PodFleet } from "./pod-fleet.ts";
import { UserError } from "./user-error.ts";

/** kubectl's short names. */
const kindNames: Readonly<Record<string, string>> = {
  po: "Pod",
  pod: "Pod",
  pods: "Pod",
  deploy: "Deployment",
  deployment: "Deployment",
  deployments: "Deployment",
  sts: "StatefulSet",
  statefulset: "StatefulSet",
  statefulsets: "StatefulSet",
  ds: "DaemonSet",
  daemonset: "DaemonSet",
  daemonsets: "DaemonSet",
  job: "Job",
  jobs: "Job",
};

/**
 * A pod's name, or `KIND/NAME` for a pod of a controller; a plain name may be a controller's too. Without a namespace
 * all are searched. Throws a UserError when there is none, or when pods of several namespaces fit.
 */
export function findPod(fleet: PodFleet, target: string, namespace: string | undefined): MeshPod {
  const members = fleet
    .members()
    .filter(({ running }) => namespace === undefined || namespaceOf(running) === namespace);
  const found = match(members, target);
  const namespaces = new Set(found.map(({ running }) => namespaceOf(running)));
  if (namespaces.size > 1) {
    const list = Array.from(namespaces).join(" and ");
    throw new UserError(`"${target}" is in ${list}`, "say which one with -n NAMESPACE");
  }
  // Of a controller's pods the one that serves: a new one is not ready yet, an old one is ending.
  const [pod] = found.toSorted((left, right) => rank(left) - rank(right));
  if (pod !== undefined) return pod;
  const place = namespace === undefined ? "this mesh" : `namespace ${namespace}`;
  throw new UserError(
    `there is no pod "${target}" in ${place}`,
    "see the pods with: remora ps --all",
  );
}

/** The kind and name of a reference to something that is not a pod; undefined for a pod's. */
export function parseController(
  target: string,
): { readonly kind: string; readonly name: string } | undefined {
  const [prefix = "", name] = target.split("/");
  if (name === undefined) return undefined;
  const kind = kindNames[prefix.toLowerCase()];
  if (kind === undefined) {
    throw new UserError(
      `"${prefix}" is not a kind that has pods`,
      "use pod, deploy, sts, ds or job, as in deploy/web",
    );
  }
  return kind === "Pod" ? undefined : { kind, name };
}

function match(members: readonly MeshPod[], target: string): readonly MeshPod[] {
  const controller = parseController(target);
  if (controller !== undefined) {
    return members.filter(({ workload }) => {
      const [kind, path = ""] = workload.split(" ");
      return kind === controller.kind && path.split("/")[1] === controller.name;
    });
  }
  const name = target.slice(target.indexOf("/") + 1);
  const exact = members.filter(({ running }) => running.pod.metadata.name === name);
  if (exact.length > 0) return exact;
  return members.filter(({ workload }) => workload.split("/")[1] === name);
}

function rank({ running }: MeshPod): number {
  const { ready, phase } = running.status();
  if (phase === "Terminating") return 2;
  return ready ? 0 : 1;
}

function namespaceOf(running: MeshPod["running"]): string {
  return running.pod.metadata.namespace ?? "default";
}
