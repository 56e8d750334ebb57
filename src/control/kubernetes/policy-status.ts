/** Says at each policy whether it is in force, and what is wrong with it. One replica writes; all would say the same. */
import { setImmediate } from "node:timers/promises";
import type { Pod, Service } from "../../api/kubernetes.ts";
import { backoffDelay } from "../../core/backoff.ts";
import type { Clock } from "../../core/clock.ts";
import { millis, seconds } from "../../core/duration.ts";
import type { Log } from "../../core/log.ts";
import type { Watch } from "../../core/watch.ts";
import type { KubernetesClient } from "../../kubernetes/client.ts";
import { isNotFound } from "../../kubernetes/kubernetes-error.ts";
import type { KindWatch } from "../../kubernetes/watch-kind.ts";
import { checkPolicy, type PolicySurroundings } from "../model/check-policy.ts";
import type { PolicyCondition, PolicyKind, PolicyRecord } from "./policy-record.ts";
import { policyPaths } from "./source.ts";

export interface PolicyStatusOptions {
  readonly policies: ReadonlyMap<PolicyKind, KindWatch<PolicyRecord>>;
  /** What policies are about. */
  readonly pods: KindWatch<Pod>;
  readonly services: KindWatch<Service>;
  /** Who may call. */
  readonly namespaces: KindWatch<true>;
  readonly serviceAccounts: KindWatch<true>;
  readonly trustDomain: string;
  readonly rootNamespace: string;
  /** Whether this replica is the one that writes. */
  readonly leading: Watch<boolean>;
  readonly clock: Clock;
  readonly log: Log;
}

const retry = { base: millis(500), max: seconds(30) };
/** What a condition's message may hold is 32 kB; nobody reads that much. */
const maxMessage = 2_000;
/** Pods come and go all the time, and whether a policy finds one is nothing to hurry for. */
const lookAgainAfter = seconds(10);

/** Writes what is not written yet, until the result is called. */
export function writePolicyStatus(
  client: KubernetesClient,
  options: PolicyStatusOptions,
): () => void {
  const { policies, pods, services, namespaces, serviceAccounts, leading, clock, log } = options;
  /** `KIND NAMESPACE/NAME` of what is to be looked at; a policy of which nothing is to be said costs a comparison. */
  const waiting = new Set<string>();
  let working = false;
  let attempt = 0;
  let stopTimer: () => void = () => {};
  const life = { closed: false };

  const work = async (): Promise<void> => {
    if (working || life.closed || !leading.current()) return;
    working = true;
    const among = surroundings();
    for (const item of waiting) {
      // Each is compared with all pods, and proxies are not to wait for a thousand of them.
      await setImmediate();
      if (life.closed || !leading.current()) break;
      const [kind = "", key = ""] = item.split(" ");
      const record = policies.get(kind as PolicyKind)?.get(key);
      try {
        const now = new Date(clock.wallTime());
        const conditions = record && judge(record, among, now);
        if (record !== undefined && conditions !== undefined) {
          await writeStatus(client, kind as PolicyKind, key, record, conditions);
        }
        waiting.delete(item);
        attempt = 0;
      } catch (error) {
        if (isNotFound(error)) {
          waiting.delete(item);
          continue;
        }
        const delay = backoffDelay(retry, attempt++);
        log.warn({ policy: item, err: error, delay }, "status of a policy not written");
        stopTimer = clock.after(delay, () => void work());
        break;
      }
    }
    working = false;
  };
  /** As they are now: whoever comes later causes another look. */
  const surroundings = (): PolicySurroundings => ({
    pods: [...pods.current().values()],
    services: [...services.current().values()],
    rootNamespace: options.rootNamespace,
    callers:
      namespaces.isSynced() && serviceAccounts.isSynced()
        ? {
            trustDomain: options.trustDomain,
            namespaces: { has: (name) => namespaces.get(name) !== undefined },
            serviceAccounts: { has: (key) => serviceAccounts.get(key) !== undefined },
          }
        : undefined,
  });
  const addAll = (): void => {
    for (const [kind, watch] of policies) {
      for (const key of watch.current().keys()) waiting.add(`${kind} ${key}`);
    }
  };
  addAll();
  const stops = Array.from(policies, ([kind, watch]) =>
    watch.onDelta((delta) => {
      for (const key of delta.keys()) waiting.add(`${kind} ${key}`);
      void work();
    }),
  );
  let stopLooking: (() => void) | undefined;
  const lookAgain = (): void => {
    stopLooking ??= clock.after(lookAgainAfter, () => {
      stopLooking = undefined;
      addAll();
      void work();
    });
  };
  for (const around of [pods, services, namespaces, serviceAccounts]) {
    stops.push(around.onDelta(lookAgain));
  }
  stops.push(() => stopLooking?.());
  const stopLeading = leading.subscribe((leads) => {
    // Another may have written meanwhile, or not; so all are looked at again.
    addAll();
    if (leads) void work();
  });
  void work();
  return () => {
    life.closed = true;
    stopTimer();
    stopLeading();
    for (const stop of stops) stop();
  };
}

async function writeStatus(
  client: KubernetesClient,
  kind: PolicyKind,
  key: string,
  record: PolicyRecord,
  conditions: readonly PolicyCondition[],
): Promise<void> {
  const known = conditions.every((condition) => {
    const before = record.conditions.find(({ type }) => type === condition.type);
    return before !== undefined && isSame(before, condition);
  });
  if (known) return;
  const others = record.conditions.filter(
    ({ type }) => !conditions.some((condition) => condition.type === type),
  );
  const [namespace, name] = key.split("/");
  const [group, plural] = policyPaths[kind].split(/\/(?=[^/]+$)/);
  await client.request({
    method: "PATCH",
    path: `${group}/namespaces/${namespace}/${plural}/${name}/status`,
    contentType: "application/merge-patch+json",
    // A policy of the same name that was made meanwhile is not meant: the API server refuses another uid.
    body: { metadata: { uid: record.uid }, status: { conditions: [...others, ...conditions] } },
  });
}

/** Whether what is written in the policy is in force, and whether it does among the pods what it seems to. */
function judge(
  record: PolicyRecord,
  surroundings: PolicySurroundings,
  now: Date,
): readonly PolicyCondition[] {
  const { problems, policy } = record;
  const create = (
    type: string,
    status: PolicyCondition["status"],
    reason: string,
    message: string,
  ): PolicyCondition => {
    const before = record.conditions.find((condition) => condition.type === type);
    return {
      type,
      status,
      reason,
      message: message.slice(0, maxMessage),
      observedGeneration: record.generation,
      lastTransitionTime:
        before?.status === status
          ? before.lastTransitionTime
          : `${now.toISOString().slice(0, 19)}Z`,
    };
  };
  if (problems.length > 0) {
    const message = `${problems.join("; ")}. ${record.consequence}`;
    return [
      create("Accepted", "False", "Invalid", message),
      create("Effective", "Unknown", "Invalid", "The policy is not in force as it is written."),
    ];
  }
  const warnings = checkPolicy(policy, surroundings);
  const [first] = warnings;
  return [
    create("Accepted", "True", "Accepted", "The policy is in force."),
    first === undefined
      ? create("Effective", "True", "Effective", "It is about pods that are there.")
      : create("Effective", "False", first.code, warnings.map(({ reason }) => reason).join("; ")),
  ];
}

function isSame(one: PolicyCondition, other: PolicyCondition): boolean {
  return (
    one.status === other.status &&
    one.reason === other.reason &&
    one.message === other.message &&
    one.observedGeneration === other.observedGeneration
  );
}
