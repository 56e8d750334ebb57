/** Pods that should be in the mesh and are not, and those with another version's sidecar: counted, and told once. */
import type { Pod } from "../../src/api/kubernetes.ts";
import type { Clock } from "../../src/core/clock.ts";
import { seconds } from "../../src/core/duration.ts";
import type { Log } from "../../src/core/log.ts";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import type { EventRecorder } from "../../src/kubernetes/events.ts";
import type { RawObject } from "../../src/kubernetes/raw-object.ts";
import { watchKind } from "../../src/kubernetes/watch-kind.ts";
import { type Owner, readOwner } from "../owner.ts";
import { isSystemNamespace } from "../review.ts";
import { type MeshFacts, meshStateOf, readMeshFacts, type UnmeshedReason } from "./mesh-state.ts";
import type { NamespaceMap } from "./namespaces.ts";
import { tellUnmeshed } from "./skip-events.ts";

export interface MeshCounts {
  /** `NAMESPACE REASON` → pods. */
  readonly unmeshed: ReadonlyMap<string, number>;
  /** `NAMESPACE VERSION` → pods whose sidecar is not of our version. */
  readonly outdated: ReadonlyMap<string, number>;
}

export const noCounts: MeshCounts = { unmeshed: new Map(), outdated: new Map() };

export interface MeshReportOptions {
  readonly client: KubernetesClient;
  readonly namespaces: { current(): NamespaceMap; subscribe(listener: () => void): () => void };
  readonly ownNamespace: string;
  readonly version: string;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly log: Log;
}

export interface MeshReport {
  current(): MeshCounts;
  close(): void;
}

interface PodView extends MeshFacts {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly owner: Owner | undefined;
}

/** A rollout changes pods by the hundred; one look after it is enough. */
const settleTime = seconds(2);

/** Watches every pod of the cluster, so only the replica with the Lease does it. */
export function reportMesh(options: MeshReportOptions): MeshReport {
  const { client, namespaces, clock, log } = options;
  const trim = (raw: RawObject): PodView | undefined => trimPod(raw, options.ownNamespace);
  const pods = watchKind<PodView>(client, { path: "/api/v1/pods" }, { trim, clock, log });
  let counts = noCounts;
  /** What was told already; as long as there is such a pod it is not told again. */
  let told: ReadonlySet<string> = new Set();
  let stopTimer: (() => void) | undefined;
  const look = (): void => {
    stopTimer = undefined;
    const next = survey(pods.current().values(), namespaces.current(), options.version);
    counts = next.counts;
    for (const [key, { pod, reason }] of next.unmeshed) {
      if (!told.has(key)) tellUnmeshed(options.events, pod, reason);
    }
    told = new Set(next.unmeshed.keys());
  };
  const schedule = (): void => {
    if (pods.isSynced()) stopTimer ??= clock.after(settleTime, look);
  };
  const stopWatch = namespaces.subscribe(schedule);
  pods.onDelta(schedule);
  void pods.synced.then(schedule);
  return {
    current: () => counts,
    close() {
      stopWatch();
      stopTimer?.();
      pods.close();
    },
  };
}

interface Survey {
  readonly counts: MeshCounts;
  /** One pod for each owner and reason. */
  readonly unmeshed: ReadonlyMap<
    string,
    { readonly pod: PodView; readonly reason: UnmeshedReason }
  >;
}

function survey(pods: Iterable<PodView>, namespaces: NamespaceMap, version: string): Survey {
  const counts = { unmeshed: new Map<string, number>(), outdated: new Map<string, number>() };
  const unmeshed = new Map<string, { pod: PodView; reason: UnmeshedReason }>();
  const count = (map: Map<string, number>, key: string): void => {
    map.set(key, (map.get(key) ?? 0) + 1);
  };
  for (const pod of pods) {
    const state = meshStateOf(pod, namespaces.get(pod.namespace) ?? {});
    if (state.kind === "meshed" && state.version !== version) {
      count(counts.outdated, `${pod.namespace} ${state.version || "unknown"}`);
    }
    if (state.kind !== "unmeshed") continue;
    count(counts.unmeshed, `${pod.namespace} ${state.reason}`);
    unmeshed.set(`${pod.owner?.uid ?? pod.uid} ${state.reason}`, { pod, reason: state.reason });
  }
  return { counts, unmeshed };
}

function trimPod(raw: RawObject, ownNamespace: string): PodView | undefined {
  const pod = raw as unknown as Pod;
  const { namespace = "", name, uid = "" } = pod.metadata;
  if (isSystemNamespace(namespace, ownNamespace)) return undefined;
  const facts = readMeshFacts(pod);
  if (facts === undefined) return undefined;
  return { ...facts, namespace, name, uid, owner: readOwner(pod.metadata.ownerReferences) };
}
