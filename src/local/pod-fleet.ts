/** All pods of a mesh: keeps them as the objects say, and tells names and state of them to whoever needs them. */
import type { KnownObject, Service } from "../api/kubernetes.ts";
import type { Millis } from "../core/duration.ts";
import type { LogBook } from "./log-book.ts";
import { effectivePod, type MeshPod } from "./mesh-pod.ts";
import { createNameTable, writeNameFiles } from "./name-files.ts";
import type { ObjectFolder } from "./object-folder.ts";
import type { ObjectStore } from "./objects.ts";
import type { RunningPod } from "./pod/pod.ts";
import type { PodFactory } from "./pod-factory.ts";
import type { MeshNetwork } from "./sandbox/network.ts";
import type { ServiceAddresses } from "./service-addresses.ts";
import type { PodTokens } from "./tokens.ts";
import { readWorkload, type Workload, workloadKey } from "./workload.ts";
import { type PodMaker, WorkloadSet } from "./workload-set.ts";

export interface PodFleetConfig {
  readonly objects: ObjectStore;
  readonly addresses: ServiceAddresses;
  /** Where the control plane reads what is in force. */
  readonly folder: ObjectFolder;
  readonly network: MeshNetwork;
  readonly tokens: PodTokens;
  readonly logs: LogBook;
  /** Its `changed` must call `scheduleSync` of this fleet. */
  readonly factory: PodFactory;
}

export class PodFleet {
  readonly #config: PodFleetConfig;
  readonly #sets = new Map<string, WorkloadSet>();
  readonly #members = new Map<RunningPod, MeshPod>();
  readonly #listeners = new Set<() => void>();
  #syncScheduled = false;

  constructor(config: PodFleetConfig) {
    this.#config = config;
  }

  /** In the order in which they were made. */
  members(): readonly MeshPod[] {
    return Array.from(this.#members.values());
  }

  /** The pods that one controller made; `key` is its workload key. */
  podsOf(key: string): readonly MeshPod[] {
    return this.members().filter((member) => member.workload === key);
  }

  workloads(): readonly Workload[] {
    return Array.from(this.#sets.values(), (set) => set.workload);
  }

  /** Calls back after pods have changed; the result ends the subscription. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Starts, changes and ends pods as the objects say. Pods that must go are given their grace periods meanwhile. */
  apply(set: readonly KnownObject[], removed: readonly KnownObject[]): void {
    this.#config.objects.change(set, removed);
    for (const object of removed) {
      const workload = readWorkload(object);
      if (workload !== undefined) void this.#endSet(workloadKey(workload));
    }
    for (const object of set) {
      const workload = readWorkload(object);
      if (workload !== undefined) this.#applyWorkload(workload);
    }
    for (const member of this.members()) member.running.refreshVolumes();
    this.scheduleSync();
  }

  /** Ends one pod; its controller makes another one. */
  async delete(member: MeshPod): Promise<void> {
    await this.#sets.get(member.workload)?.delete(member.running);
  }

  /** Ends the pods of all workloads that `chosen` says yes to. */
  async end(chosen: (workload: Workload) => boolean, limit: Millis): Promise<void> {
    const keys = Array.from(this.#sets).filter(([, set]) => chosen(set.workload));
    await Promise.all(keys.map(([key]) => this.#endSet(key, limit)));
  }

  /** Brings names, files and pods up to date once this turn of the loop is over. */
  scheduleSync(): void {
    if (this.#syncScheduled) return;
    this.#syncScheduled = true;
    setImmediate(() => {
      this.#syncScheduled = false;
      this.#sync();
    });
  }

  #sync(): void {
    const { objects, addresses, folder } = this.#config;
    for (const set of this.#sets.values()) set.reconcile();
    const members = this.members();
    const present = members.filter(({ running }) => !hasEnded(running));
    writeNameFiles(members, createNameTable(present, objects, addresses));
    const passive = objects.all().filter((object) => isForControl(object));
    const services = objects.list("Service").map((service) => this.#withAddress(service));
    folder.write([...passive, ...services, ...present.map((member) => effectivePod(member))]);
    for (const listener of Array.from(this.#listeners)) listener();
  }

  #withAddress(service: Service): Service {
    const address = this.#config.addresses.addressOf(service);
    if (address === undefined) return service;
    return { ...service, spec: { ...service.spec, clusterIP: address, clusterIPs: [address] } };
  }

  #applyWorkload(workload: Workload): void {
    const key = workloadKey(workload);
    const set = this.#sets.get(key);
    if (set !== undefined) {
      set.update(workload);
      return;
    }
    const maker: PodMaker = {
      create: (wanted, ordinal) => {
        const member = this.#config.factory.create(wanted, ordinal);
        this.#members.set(member.running, member);
        member.running.start();
        this.scheduleSync();
        return member.running;
      },
      removed: (pod) => this.#forget(pod),
    };
    const created = new WorkloadSet(workload, maker);
    this.#sets.set(key, created);
    created.reconcile();
  }

  #forget(pod: RunningPod): void {
    const member = this.#members.get(pod);
    if (member === undefined) return;
    this.#members.delete(pod);
    this.#config.network.removePod(member.network);
    this.#config.tokens.forget(pod.pod);
    this.#config.logs.forget(pod.pod.metadata.namespace ?? "default", pod.pod.metadata.name);
    this.scheduleSync();
  }

  async #endSet(key: string, limit?: Millis): Promise<void> {
    const set = this.#sets.get(key);
    if (set === undefined) return;
    // At once, so that the same workload can be applied again while the old pods end.
    this.#sets.delete(key);
    await set.end(limit);
  }
}

function hasEnded(pod: RunningPod): boolean {
  const { phase } = pod.status();
  return phase === "Succeeded" || phase === "Failed";
}

/** Pods and Services are written with their addresses; what makes pods and what is secret is nobody's business. */
function isForControl(object: KnownObject): boolean {
  return ["Namespace", "ServiceAccount", "AuthorizationPolicy", "MeshPolicy"].includes(object.kind);
}
