/** What people and programs are told about the pods of a mesh. */

import { proxyContainerName } from "../../injector/options.ts";
import { formatSpiffeId } from "../core/spiffe-id.ts";
import type { ContainerReport, NotReady, PodSummary } from "./api/messages.ts";
import { type LogBook, remarkPrefix } from "./log-book.ts";
import type { MeshPod } from "./mesh-pod.ts";
import type { ContainerStatus } from "./pod/container-status.ts";

/** Everything that `ps` shows of a pod. */
export function summarize(member: MeshPod, trustDomain: string, now: number): PodSummary {
  const { pod, ip } = member.running;
  const status = member.running.status();
  const namespace = pod.metadata.namespace ?? "default";
  const serviceAccount = pod.spec.serviceAccountName ?? "default";
  const identity = member.meshed
    ? formatSpiffeId({ trustDomain, namespace, serviceAccount })
    : null;
  return {
    namespace,
    name: pod.metadata.name,
    ip,
    identity,
    ready: status.ready,
    // Init containers that have done their work are of no interest any more.
    containers: status.containers.filter(isShown).map(describeContainer),
    phase: status.phase,
    reason: whyNotReady(member)?.reason,
    age: now - member.created,
    workload: member.workload,
  };
}

function isShown(container: ContainerStatus): boolean {
  return container.role !== "init" || container.state.kind === "running";
}

function describeContainer(container: ContainerStatus): ContainerReport {
  return {
    name: container.name,
    pid: container.state.kind === "running" ? container.state.pid : null,
    ready: container.ready,
    restarts: container.restarts,
    sidecar: container.name === proxyContainerName,
  };
}

export interface Blame {
  readonly container: string;
  readonly reason: string;
}

/** The first container that keeps the pod from being ready; undefined for one that is ready, or has succeeded. */
export function whyNotReady(member: MeshPod): Blame | undefined {
  const status = member.running.status();
  if (status.ready || status.phase === "Succeeded" || status.phase === "Terminating") {
    return undefined;
  }
  const guilty =
    status.containers.find((container) => isGuilty(container)) ??
    status.containers.find((container) => !container.ready);
  if (guilty === undefined) return { container: "", reason: "it is starting" };
  return { container: guilty.name, reason: `container ${guilty.name} ${describeState(guilty)}` };
}

/** Containers start in order, so the first that has not done its part is the one the others wait for. */
function isGuilty(container: ContainerStatus): boolean {
  const { state, role } = container;
  if (role === "init") return !(state.kind === "ended" && state.code === 0);
  return !container.ready && !(state.kind === "ended" && state.code === 0);
}

function describeState({ state, trouble, started }: ContainerStatus): string {
  if (state.kind === "ended") return trouble ?? `ended with exit code ${state.code}`;
  if (state.kind === "waiting") {
    return trouble === undefined || trouble === state.reason
      ? `waits: ${state.reason}`
      : `${trouble} and ${state.reason}`;
  }
  const doing = started ? "runs and is not ready" : "is starting";
  return trouble === undefined ? doing : `${doing}: ${trouble}`;
}

/** A pod that is not ready, with the lines of the container that is to blame which help most. */
export function explainNotReady(member: MeshPod, logs: LogBook, lineCount: number): NotReady {
  const { name, namespace = "default" } = member.running.pod.metadata;
  const blame = whyNotReady(member);
  const lines =
    blame === undefined ? [] : logs.read({ namespace, pod: name, container: blame.container });
  return {
    namespace,
    name,
    reason: blame?.reason ?? "it is ending",
    lines: pickLines(
      lines.map((line) => line.text),
      lineCount,
    ),
  };
}

/** Of the newest run: from the first line that speaks of an error, as traces put it first; else the last lines. */
function pickLines(lines: readonly string[], count: number): readonly string[] {
  const isRemark = (line: string): boolean => line.startsWith(remarkPrefix);
  const end = lines.findLastIndex((line) => !isRemark(line)) + 1;
  const begin = lines.findLastIndex((line, index) => index < end && isRemark(line)) + 1;
  const run = lines.slice(begin, end).filter((line) => line.trim() !== "");
  const first = run.findIndex((line) => /error|fail|cannot|denied|not found/i.test(line));
  return first === -1 ? run.slice(-count) : run.slice(first, first + count);
}
