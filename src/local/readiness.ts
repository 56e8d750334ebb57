/** When a mesh is up: every pod is ready, and stays so for a moment. */
import type { Clock } from "../core/clock.ts";
import { type Millis, millis } from "../core/duration.ts";
import type { NotReady, ReadyResult } from "./api/messages.ts";
import type { LogBook } from "./log-book.ts";
import type { MeshPod } from "./mesh-pod.ts";
import type { PodFleet } from "./pod-fleet.ts";
import { explainNotReady, whyNotReady } from "./report.ts";

/** A program that fails at its start does so within this time; without a probe it looks ready until then. */
const settleTime = millis(500);
/** How long news of the last ready pod needs to reach the sidecars of the others; whoever waited may call it at once. */
const newsTime = millis(200);
/** What a person reads without scrolling. */
const shownLines = 5;

/** The pods that keep the mesh from being up. */
export function findNotReady(fleet: PodFleet, logs: LogBook): readonly NotReady[] {
  return fleet
    .members()
    .filter((member) => isBlocking(member, fleet))
    .map((member) => explainNotReady(member, logs, shownLines));
}

/** Fulfilled when all are ready, when one has failed for good, or when the time is over. */
export async function waitReady(
  fleet: PodFleet,
  logs: LogBook,
  clock: Clock,
  timeout: Millis,
): Promise<ReadyResult> {
  const end = clock.now() + timeout;
  const isOver = (): boolean => clock.now() >= end || fleet.members().some(hasFailed);
  for (;;) {
    const isUp = (): boolean => !fleet.members().some((member) => isBlocking(member, fleet));
    await until(fleet, clock, end, () => isUp() || isOver());
    if (!isUp()) break;
    const before = countRestarts(fleet);
    const pause = fleet.members().every(isProbed) ? newsTime : settleTime;
    await new Promise<void>((resolve) => void clock.after(pause, resolve));
    if (isUp() && countRestarts(fleet) === before) break;
  }
  return { pods: fleet.members().length, notReady: findNotReady(fleet, logs) };

  function hasFailed(member: MeshPod): boolean {
    return member.running.status().phase === "Failed" && isBlocking(member, fleet);
  }
}

/** A failed pod of a Job does not matter while the Job tries again. */
function isBlocking(member: MeshPod, fleet: PodFleet): boolean {
  const { phase } = member.running.status();
  if (phase === "Failed") {
    const others = fleet.podsOf(member.workload).filter((other) => other !== member);
    return !others.some(({ running }) => running.status().phase !== "Failed");
  }
  return phase === "Pending" || (phase === "Running" && whyNotReady(member) !== undefined);
}

function isProbed({ running }: MeshPod): boolean {
  return running.pod.spec.containers.every(({ readinessProbe }) => readinessProbe !== undefined);
}

function countRestarts(fleet: PodFleet): number {
  const containers = fleet.members().flatMap(({ running }) => running.status().containers);
  return containers.reduce((sum, container) => sum + container.restarts, 0);
}

function until(
  fleet: PodFleet,
  clock: Clock,
  end: number,
  condition: () => boolean,
): Promise<void> {
  if (condition()) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      unsubscribe();
      resolve();
    };
    const cancel = clock.after(Math.max(0, end - clock.now()) as Millis, done);
    const unsubscribe = fleet.subscribe(() => {
      if (condition()) done();
    });
  });
}
