/** The pods of one workload: makes those that are missing, replaces old ones, removes those that are too many. */
import type { Millis } from "../core/duration.ts";
import type { RunningPod } from "./pod/pod.ts";
import type { Workload } from "./workload.ts";

/** How a set makes and loses pods. */
export interface PodMaker {
  /** Makes and starts pod number `ordinal`. */
  readonly create: (workload: Workload, ordinal: number) => RunningPod;
  /** The pod is gone. */
  readonly removed: (pod: RunningPod) => void;
}

interface Member {
  readonly pod: RunningPod;
  readonly revision: string;
  readonly ordinal: number;
}

export class WorkloadSet {
  #workload: Workload;
  #members: readonly Member[] = [];
  #ended = false;
  readonly #maker: PodMaker;

  constructor(workload: Workload, maker: PodMaker) {
    this.#workload = workload;
    this.#maker = maker;
  }

  get workload(): Workload {
    return this.#workload;
  }

  pods(): readonly RunningPod[] {
    return this.#members.map((member) => member.pod);
  }

  /** Takes the newest manifest; running pods are replaced when it changes them. */
  update(workload: Workload): void {
    this.#workload = workload;
    this.reconcile();
  }

  /** Makes the pods what the manifest says. To be called whenever a pod's status has changed. */
  reconcile(): void {
    if (this.#ended) return;
    const { kind, revision } = this.#workload;
    const alive = this.#members.filter(({ pod }) => pod.status().phase !== "Terminating");
    const current = alive.filter((member) => member.revision === revision);
    const old = alive.filter((member) => member.revision !== revision);
    if (kind === "Job") this.#reconcileJob(current, old);
    else if (kind === "Pod" || kind === "StatefulSet") this.#reconcileNamed(current, old);
    else this.#reconcileRolling(current, old);
  }

  /** Stops one pod; a controller makes another one in its place. */
  async delete(pod: RunningPod): Promise<void> {
    if (this.#workload.kind === "Pod") this.#ended = true;
    await this.#stop(pod);
    this.reconcile();
  }

  /** Stops all pods for good. */
  async end(limit?: Millis): Promise<void> {
    this.#ended = true;
    await Promise.all(this.pods().map((pod) => this.#stop(pod, limit)));
  }

  /** New pods first; the old ones go when the new ones are ready, so that a change loses no request. */
  #reconcileRolling(current: readonly Member[], old: readonly Member[]): void {
    const { replicas } = this.#workload;
    const used = new Set(current.map((member) => member.ordinal));
    for (let ordinal = 0; used.size < replicas; ordinal += 1) {
      if (!used.has(ordinal)) this.#create(ordinal);
      used.add(ordinal);
    }
    for (const member of current.slice(replicas)) void this.#stop(member.pod);
    const ready = current.filter(({ pod }) => pod.status().ready).length;
    if (ready < replicas) return;
    for (const member of old) void this.#stop(member.pod);
  }

  /** Names that stay: the old pod must be gone before the new one can have its name. */
  #reconcileNamed(current: readonly Member[], old: readonly Member[]): void {
    const { replicas } = this.#workload;
    for (const member of old) void this.#stop(member.pod).then(() => this.reconcile());
    for (const member of current) {
      if (member.ordinal >= replicas) void this.#stop(member.pod);
    }
    const present = new Set(this.#members.map((member) => member.ordinal));
    for (let ordinal = 0; ordinal < replicas; ordinal += 1) {
      if (!present.has(ordinal)) this.#create(ordinal);
    }
  }

  #reconcileJob(current: readonly Member[], old: readonly Member[]): void {
    const { replicas, parallelism, backoffLimit } = this.#workload;
    for (const member of old) void this.#stop(member.pod);
    const inPhase = (phase: string): readonly Member[] =>
      current.filter(({ pod }) => pod.status().phase === phase);
    const succeeded = inPhase("Succeeded").length;
    const failed = inPhase("Failed").length;
    if (failed > backoffLimit) return;
    let active = current.length - succeeded - failed;
    for (; active < Math.min(parallelism, replicas - succeeded); active += 1) {
      this.#create(this.#members.length);
    }
  }

  #create(ordinal: number): void {
    const pod = this.#maker.create(this.#workload, ordinal);
    const { revision } = this.#workload;
    this.#members = [...this.#members, { pod, revision, ordinal }];
  }

  async #stop(pod: RunningPod, limit?: Millis): Promise<void> {
    if (pod.status().phase !== "Terminating") await pod.stop(limit);
    else await pod.finished;
    if (!this.#members.some((member) => member.pod === pod)) return;
    this.#members = this.#members.filter((member) => member.pod !== pod);
    this.#maker.removed(pod);
  }
}
