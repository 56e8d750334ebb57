/** The API server as control's source: every kind that matters, followed; what was good stays when it goes away. */
import { isDeepStrictEqual } from "node:util";
import type { MeshObject, Pod, Service } from "../../api/kubernetes.ts";
import type { AuthorizationPolicy, MeshPolicy } from "../../api/policy-kinds.ts";
import type { Clock } from "../../core/clock.ts";
import type { Log } from "../../core/log.ts";
import type { KubernetesClient } from "../../kubernetes/client.ts";
import type { RawObject } from "../../kubernetes/raw-object.ts";
import { type Kind, type KindWatch, watchKind } from "../../kubernetes/watch-kind.ts";
import type { Problem } from "../manifests/problem.ts";
import type { Source, SourceChange } from "../source.ts";
import { createGatherer, defaultGatherConfig } from "./gather.ts";
import { type PolicyKind, type PolicyRecord, readPolicy } from "./policy-record.ts";
import { trimEndpointSlice, trimNode, trimPod, trimService } from "./trim.ts";

export interface KubernetesSource extends Source {
  /** All policies, sound or not, for the writer of their status. */
  readonly policies: ReadonlyMap<PolicyKind, KindWatch<PolicyRecord>>;
  /** What policies are about. */
  readonly pods: KindWatch<Pod>;
  readonly services: KindWatch<Service>;
  /** Who may call, by name; policies are compared with it, and nothing that proxies are told waits for it. */
  readonly namespaces: KindWatch<true>;
  readonly serviceAccounts: KindWatch<true>;
  isSynced(): boolean;
}

export interface KubernetesSourcePlatform {
  readonly clock: Clock;
  readonly log: Log;
}

const objectKinds = {
  Pod: { kind: { path: "/api/v1/pods" }, trim: trimPod },
  Service: { kind: { path: "/api/v1/services" }, trim: trimService },
  EndpointSlice: {
    kind: { path: "/apis/discovery.k8s.io/v1/endpointslices" },
    trim: trimEndpointSlice,
  },
  Node: { kind: { path: "/api/v1/nodes", metadataOnly: true }, trim: trimNode },
} satisfies Record<string, { kind: Kind; trim: (raw: RawObject) => MeshObject | undefined }>;

/** Their definitions may come after us, or never. */
export const policyPaths: Readonly<Record<PolicyKind, string>> = {
  AuthorizationPolicy: "/apis/policy.remora.dev/v1alpha1/authorizationpolicies",
  MeshPolicy: "/apis/policy.remora.dev/v1alpha1/meshpolicies",
};

/** Begins to read at once; says nothing before all kinds are known. */
export function createKubernetesSource(
  client: KubernetesClient,
  platform: KubernetesSourcePlatform,
): KubernetesSource {
  const { clock } = platform;
  const listeners = new Set<(change: SourceChange) => void>();
  let pending = new Map<string, MeshObject | undefined>();
  const gatherer = createGatherer(clock, defaultGatherConfig, () => {
    const change = { objects: pending, problems: policies.problems() };
    pending = new Map();
    for (const listener of Array.from(listeners)) listener(change);
  });
  const note = (key: string, object: MeshObject | undefined): void => {
    pending.set(key, object);
    if (isSynced()) gatherer.touch();
  };
  const watches = new Map<string, KindWatch<MeshObject>>();
  for (const [name, { kind, trim }] of Object.entries(objectKinds)) {
    const watch = watchKind<MeshObject>(client, kind, { trim, ...platform });
    watch.onDelta((delta) => {
      for (const [key, object] of delta) note(`${name} ${key}`, object);
    });
    watches.set(name, watch);
  }
  const policies = followPolicies(client, platform, note, () => isSynced() && gatherer.touch());
  const names = { trim: (): true => true, ...platform };
  const namespaces = watchKind(client, { path: "/api/v1/namespaces", metadataOnly: true }, names);
  const serviceAccounts = watchKind(
    client,
    { path: "/api/v1/serviceaccounts", metadataOnly: true },
    names,
  );
  const all = [...watches.values(), ...policies.watches.values()];
  const isSynced = (): boolean => all.every((watch) => watch.isSynced());
  return {
    membership: "slices",
    policies: policies.watches,
    pods: watches.get("Pod") as KindWatch<Pod>,
    services: watches.get("Service") as KindWatch<Service>,
    namespaces,
    serviceAccounts,
    synced: Promise.all(all.map((watch) => watch.synced)).then(() => {
      pending = new Map();
    }),
    isSynced,
    current() {
      const objects = new Map<string, MeshObject>(policies.inForce());
      for (const [name, watch] of watches) {
        for (const [key, object] of watch.current()) objects.set(`${name} ${key}`, object);
      }
      return { objects, problems: policies.problems() };
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    ageSeconds: () => Math.max(...all.map((watch) => watch.age())) / 1_000,
    async close() {
      gatherer.close();
      for (const watch of [...all, namespaces, serviceAccounts]) watch.close();
    },
  };
}

interface FollowedPolicies {
  readonly watches: ReadonlyMap<PolicyKind, KindWatch<PolicyRecord>>;
  inForce(): ReadonlyMap<string, MeshObject>;
  problems(): readonly Problem[];
}

/** What is in force follows from the newest version of each policy alone, sound or not. */
function followPolicies(
  client: KubernetesClient,
  platform: KubernetesSourcePlatform,
  note: (key: string, object: MeshObject | undefined) => void,
  touch: () => void,
): FollowedPolicies {
  const inForce = new Map<string, AuthorizationPolicy | MeshPolicy>();
  const problems = new Map<string, readonly Problem[]>();
  const take = (key: string, record: PolicyRecord | undefined): void => {
    const before = inForce.get(key);
    const policy = record?.policy;
    const wrong = record === undefined ? [] : problemsOf(key, record);
    if (!isDeepStrictEqual(wrong, problems.get(key) ?? [])) touch();
    problems.delete(key);
    if (wrong.length > 0) problems.set(key, wrong);
    // A new status is no new policy.
    if (isDeepStrictEqual(policy, before)) return;
    if (policy === undefined) inForce.delete(key);
    else inForce.set(key, policy);
    note(key, policy);
  };
  const watches = new Map<PolicyKind, KindWatch<PolicyRecord>>();
  for (const [name, path] of Object.entries(policyPaths) as [PolicyKind, string][]) {
    const trim = (raw: RawObject): PolicyRecord => readPolicy(name, raw);
    const watch = watchKind(client, { path, optional: true }, { trim, ...platform });
    watch.onDelta((delta) => {
      for (const [key, record] of delta) take(`${name} ${key}`, record);
    });
    watches.set(name, watch);
  }
  return { watches, inForce: () => inForce, problems: () => Array.from(problems.values()).flat() };
}

function problemsOf(key: string, { problems, consequence }: PolicyRecord): readonly Problem[] {
  return problems.map((reason) => {
    return { severity: "error", file: key, line: 0, reason, hint: consequence };
  });
}
