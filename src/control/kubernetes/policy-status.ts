/** Says at each policy whether it is in force, and what is wrong with it. One replica writes; all would say the same. */

import { backoffDelay } from "../../core/backoff.ts";
import type { Clock } from "../../core/clock.ts";
import { millis, seconds } from "../../core/duration.ts";
import type { Log } from "../../core/log.ts";
import type { Watch } from "../../core/watch.ts";
import type { KubernetesClient } from "../../kubernetes/client.ts";
import { isNotFound } from "../../kubernetes/kubernetes-error.ts";
import type { KindWatch } from "../../kubernetes/watch-kind.ts";
import type { PolicyCondition, PolicyKind, PolicyRecord } from "./policy-record.ts";
import { policyPaths } from "./source.ts";

export interface PolicyStatusOptions {
  readonly policies: ReadonlyMap<PolicyKind, KindWatch<PolicyRecord>>;
  /** Whether this replica is the one that writes. */
  readonly leading: Watch<boolean>;
  readonly clock: Clock;
  readonly log: Log;
}

const retry = { base: millis(500), max: seconds(30) };
/** What a condition's message may hold is 32 kB; nobody reads that much. */
const maxMessage = 2_000;

/** Writes what is not written yet, until the result is called. */
export function writePolicyStatus(
  client: KubernetesClient,
  options: PolicyStatusOptions,
): () => void {
  const { policies, leading, clock, log } = options;
  /** `KIND NAMESPACE/NAME` of what is to be looked at; a policy of which nothing is to be said costs a comparison. */
  const waiting = new Set<string>();
  let working = false;
  let attempt = 0;
  let stopTimer: () => void = () => {};
  const life = { closed: false };

  const work = async (): Promise<void> => {
    if (working) return;
    working = true;
    for (const item of waiting) {
      if (life.closed || !leading.current()) break;
      const [kind = "", key = ""] = item.split(" ");
      const record = policies.get(kind as PolicyKind)?.get(key);
      try {
        if (record !== undefined) await writeStatus(client, kind as PolicyKind, key, record, clock);
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
  const stops = Array.from(policies, ([kind, watch]) => {
    for (const key of watch.current().keys()) waiting.add(`${kind} ${key}`);
    return watch.onDelta((delta) => {
      for (const key of delta.keys()) waiting.add(`${kind} ${key}`);
      void work();
    });
  });
  const stopLeading = leading.subscribe((leads) => {
    // Another may have written meanwhile, or not; so all are looked at again.
    for (const [kind, watch] of policies) {
      for (const key of watch.current().keys()) waiting.add(`${kind} ${key}`);
    }
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
  clock: Clock,
): Promise<void> {
  const condition = judge(record, new Date(clock.wallTime()));
  const before = record.conditions.find(({ type }) => type === condition.type);
  if (before !== undefined && isSame(before, condition)) return;
  const others = record.conditions.filter(({ type }) => type !== condition.type);
  const [namespace, name] = key.split("/");
  const [group, plural] = policyPaths[kind].split(/\/(?=[^/]+$)/);
  await client.request({
    method: "PATCH",
    path: `${group}/namespaces/${namespace}/${plural}/${name}/status`,
    contentType: "application/merge-patch+json",
    // A policy of the same name that was made meanwhile is not meant: the API server refuses another uid.
    body: { metadata: { uid: record.uid }, status: { conditions: [...others, condition] } },
  });
}

/** The policy's one condition: whether what is written in it is in force. */
export function judge(record: PolicyRecord, now: Date): PolicyCondition {
  const { problems, conditions, generation } = record;
  const status = problems.length === 0 ? "True" : "False";
  const before = conditions.find(({ type }) => type === "Accepted");
  return {
    type: "Accepted",
    status,
    reason: status === "True" ? "Accepted" : "Invalid",
    message: (status === "True" ? "The policy is in force." : sentenceOf(problems)).slice(
      0,
      maxMessage,
    ),
    observedGeneration: generation,
    lastTransitionTime:
      before?.status === status ? before.lastTransitionTime : `${now.toISOString().slice(0, 19)}Z`,
  };
}

function sentenceOf(problems: readonly string[]): string {
  return `${problems.join("; ")}. What was in force before stays so.`;
}

function isSame(one: PolicyCondition, other: PolicyCondition): boolean {
  return (
    one.status === other.status &&
    one.reason === other.reason &&
    one.message === other.message &&
    one.observedGeneration === other.observedGeneration
  );
}
