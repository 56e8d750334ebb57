/** Who knows which trust bundle, and what each replica of identity issues under: asked of every pod itself. */
import type { KubernetesClient } from "../../kubernetes/client.ts";
import { type AskPod, askPod } from "./ask-pod.ts";
import { listMeshPods, type MeshPod } from "./list-mesh-pods.ts";

export interface Laggard {
  /** `NAMESPACE/NAME`. */
  readonly pod: string;
  /** The bundle that it has in force; null when it could not be asked. */
  readonly bundle: string | null;
  /** Why it could not be asked. */
  readonly problem?: string;
}

export interface Replica {
  readonly pod: string;
  /** Fingerprint of its issuing certificate; null when it could not be asked. */
  readonly issuer: string | null;
  readonly problem?: string;
}

export interface Survey {
  /** Sidecars and control-plane programs that hold a trust bundle and run. */
  readonly pods: number;
  readonly starting: number;
  /** How many have which bundle in force, by its fingerprint; `unknown` could not be asked. */
  readonly bundles: Readonly<Record<string, number>>;
  readonly laggards: readonly Laggard[];
  readonly replicas: readonly Replica[];
  /** When the last leaf of each issuer ends, by the issuers' fingerprints. */
  readonly latestEnds: Readonly<Record<string, number>>;
}

export interface SurveyorOptions {
  readonly client: Pick<KubernetesClient, "request">;
  readonly namespace: string;
  readonly ask?: AskPod;
}

export interface Surveyor {
  /** `bundle` is the fingerprint that everybody should have. */
  survey(bundle: string): Promise<Survey>;
}

const sidecarPort = 15_020;
const programPort = 15_014;
/** So many are asked at once: pods that do not answer hold a place for two seconds each. */
const concurrency = 64;

export function createSurveyor(options: SurveyorOptions): Surveyor {
  const { client, namespace, ask = askPod } = options;
  /** Pods that said they have the bundle: none goes back to an older one. Only of the bundle that is asked about. */
  let known = { bundle: "", uids: new Set<string>() };
  return {
    async survey(bundle) {
      if (known.bundle !== bundle) known = { bundle, uids: new Set() };
      const { running, starting } = await listMeshPods(client, namespace);
      const holders = running.filter(({ role }) => role !== "identity");
      const present = new Set(holders.map(({ uid }) => uid));
      for (const uid of known.uids) if (!present.has(uid)) known.uids.delete(uid);
      const asked = holders.filter(({ uid }) => !known.uids.has(uid));
      const answers = await mapLimited(asked, (pod) => askBundle(pod, ask));
      for (const { pod, hash } of answers) if (hash === bundle) known.uids.add(pod.uid);
      const identities = running.filter(({ role }) => role === "identity");
      const replicas = await mapLimited(identities, (pod) => askReplica(pod, ask));
      return {
        pods: holders.length,
        starting,
        bundles: countBundles(bundle, known.uids.size, answers),
        laggards: answers.filter(({ hash }) => hash !== bundle).map(toLaggard),
        replicas: replicas.filter(isWorthNaming).map(({ pod, issuer, problem }) => ({
          pod: pod.name,
          issuer,
          ...(problem === undefined ? {} : { problem }),
        })),
        latestEnds: mergeEnds(replicas.map(({ ends }) => ends)),
      };
    },
  };
}

interface BundleAnswer {
  readonly pod: MeshPod;
  readonly hash: string | null;
  readonly problem?: string;
}

async function askBundle(pod: MeshPod, ask: AskPod): Promise<BundleAnswer> {
  try {
    if (pod.role === "sidecar") {
      return { pod, hash: (await ask(pod.ip, sidecarPort, "/trust-bundle")).trim() };
    }
    const text = await ask(pod.ip, programPort, "/metrics");
    return {
      pod,
      hash: /^remora_trust_bundle_info\{hash="([0-9a-f]+)"\}/m.exec(text)?.[1] ?? null,
    };
  } catch (error) {
    return { pod, hash: null, problem: (error as Error).message };
  }
}

interface ReplicaAnswer {
  readonly pod: MeshPod;
  readonly issuer: string | null;
  readonly problem?: string;
  readonly ends: Readonly<Record<string, number>>;
}

async function askReplica(pod: MeshPod, ask: AskPod): Promise<ReplicaAnswer> {
  try {
    const text = await ask(pod.ip, programPort, "/metrics");
    const issuer = /^remora_identity_issuer_info\{issuer="([0-9a-f]+)"\} 1$/m.exec(text)?.[1];
    const lines = text.matchAll(
      /^remora_identity_latest_certificate_end_seconds\{issuer="([0-9a-f]+)"\} (\d+)$/gm,
    );
    const ends = Object.fromEntries(
      Array.from(lines, ([, id = "", end]) => [id, Number(end) * 1_000]),
    );
    return { pod, issuer: issuer ?? null, ends };
  } catch (error) {
    return { pod, issuer: null, problem: (error as Error).message, ends: {} };
  }
}

/** A replica that is being deleted and answers no more issues nothing more. */
function isWorthNaming({ pod, issuer }: ReplicaAnswer): boolean {
  return issuer !== null || !pod.ending;
}

function toLaggard({ pod, hash, problem }: BundleAnswer): Laggard {
  return { pod: pod.name, bundle: hash, ...(problem === undefined ? {} : { problem }) };
}

function countBundles(
  wanted: string,
  current: number,
  answers: readonly BundleAnswer[],
): Readonly<Record<string, number>> {
  const counts: Record<string, number> = current > 0 ? { [wanted]: current } : {};
  for (const { hash } of answers) {
    if (hash === wanted) continue;
    const key = hash ?? "unknown";
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

function mergeEnds(
  all: readonly Readonly<Record<string, number>>[],
): Readonly<Record<string, number>> {
  const merged: Record<string, number> = {};
  for (const ends of all) {
    for (const [id, end] of Object.entries(ends)) merged[id] = Math.max(merged[id] ?? 0, end);
  }
  return merged;
}

async function mapLimited<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
  return results;
}
