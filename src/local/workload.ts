/** What the controllers of Kubernetes would make of a manifest: which pods, how many, under what names. */
import { createHash } from "node:crypto";
import type {
  KnownObject,
  ObjectMeta,
  OwnerReference,
  Pod,
  PodTemplate,
} from "../api/kubernetes.ts";

export type WorkloadKind = "Pod" | "Deployment" | "StatefulSet" | "DaemonSet" | "Job";

/** One manifest's wish for pods. */
export interface Workload {
  readonly kind: WorkloadKind;
  readonly namespace: string;
  readonly name: string;
  /** Changes exactly when running pods must be replaced. */
  readonly revision: string;
  readonly replicas: number;
  /** How many pods may run at once; for a Job less than `replicas` as a rule. */
  readonly parallelism: number;
  /** A Job's pods end; how many of them may fail before the Job gives up. */
  readonly backoffLimit: number;
  readonly template: PodTemplate;
  /** Given to a bare pod by its manifest. */
  readonly uid: string | undefined;
}

/** `Kind namespace/name`; the same object of a later manifest has the same key. */
export function workloadKey(workload: Pick<Workload, "kind" | "namespace" | "name">): string {
  return `${workload.kind} ${workload.namespace}/${workload.name}`;
}

/** Gives undefined for objects that are no pods and make none. */
export function readWorkload(object: KnownObject): Workload | undefined {
  const template = readTemplate(object);
  if (template === undefined) return undefined;
  const { name, namespace = "default", uid } = object.metadata;
  const kind = object.kind as WorkloadKind;
  const revision = createRevision(template);
  const replicas = countReplicas(object);
  const counts = { replicas, parallelism: replicas, backoffLimit: 0 };
  if (object.kind === "Job") {
    counts.parallelism = object.spec.parallelism ?? 1;
    counts.backoffLimit = object.spec.backoffLimit ?? 6;
  }
  return { kind, namespace, name, uid, template, revision, ...counts };
}

function readTemplate(object: KnownObject): PodTemplate | undefined {
  if (object.kind === "Pod") return { metadata: object.metadata, spec: object.spec };
  return "spec" in object && "template" in object.spec ? object.spec.template : undefined;
}

/** One machine is one node, so a DaemonSet is one pod. */
function countReplicas(object: KnownObject): number {
  if (object.kind === "Deployment" || object.kind === "StatefulSet") {
    return object.spec.replicas ?? 1;
  }
  return object.kind === "Job" ? (object.spec.completions ?? 1) : 1;
}

/** The pod with the given suffix, before injection; everything that admission would fill in is there. */
export function createPod(workload: Workload, suffix: string, uid: string): Pod {
  const { template, namespace } = workload;
  const owners: readonly OwnerReference[] =
    workload.kind === "Pod" ? [] : [{ kind: workload.kind, name: workload.name }];
  const metadata: ObjectMeta = {
    ...template.metadata,
    name: podName(workload, suffix),
    namespace,
    uid,
    ...(owners.length > 0 && { ownerReferences: owners }),
  };
  const spec = {
    ...template.spec,
    serviceAccountName: template.spec.serviceAccountName ?? "default",
    restartPolicy: template.spec.restartPolicy ?? (workload.kind === "Job" ? "Never" : "Always"),
  };
  return { apiVersion: "v1", kind: "Pod", metadata, spec };
}

/** `web`, `web-0`, `web-5d4f7c-x2b9q` or `web-x2b9q`, as Kubernetes names them. */
function podName({ kind, name, revision }: Workload, suffix: string): string {
  if (kind === "Pod") return name;
  return kind === "Deployment" ? `${name}-${revision}-${suffix}` : `${name}-${suffix}`;
}

/** Kubernetes' alphabet for suffixes: no vowels, so no words, and no letters that look like digits. */
const suffixAlphabet = "bcdfghjklmnpqrstvwxz2456789";

/** Five letters that no pod of the workload has; StatefulSets number theirs. */
export function createSuffix(workload: Workload, ordinal: number, random: () => number): string {
  if (workload.kind === "StatefulSet") return String(ordinal);
  const letter = (): string => suffixAlphabet[Math.floor(random() * suffixAlphabet.length)] ?? "b";
  return Array.from({ length: 5 }, letter).join("");
}

function createRevision(template: PodTemplate): string {
  const digest = createHash("sha256").update(JSON.stringify(template)).digest();
  return Array.from(
    digest.subarray(0, 8),
    (byte) => suffixAlphabet[byte % suffixAlphabet.length],
  ).join("");
}
