/**
 * One pod's life, in the order of Kubernetes: init containers one after the other, where a native sidecar must have
 * started before the next, then the apps. At the end the apps go first, and then the sidecars from last to first.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Container, Pod } from "../../api/kubernetes.ts";
import type { Clock } from "../../core/clock.ts";
import { type Millis, seconds } from "../../core/duration.ts";
import type { ObjectStore } from "../objects.ts";
import type { ContainerProcess } from "../sandbox/launch.ts";
import type { CommandSpec, LaunchSpec, Mount } from "../sandbox/launch-spec.ts";
import type { PodNetwork } from "../sandbox/network.ts";
import { type ContainerHost, PodContainer, type RestartPolicy } from "./container.ts";
import type { ContainerRole, ContainerStatus } from "./container-status.ts";
import { expandReferences, type PodPlace, resolveEnvironment } from "./environment.ts";
import { NotYet } from "./not-yet.ts";
import { resolveUser } from "./process-user.ts";
import type { Sandbox } from "./sandbox.ts";
import type { VolumeSources } from "./volume-files.ts";
import { PodVolumes } from "./volumes.ts";

/** What the mesh gives to each of its pods. */
export interface PodHost {
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  readonly objects: ObjectStore;
  /** The pod's own network; undefined where it shares the mesh's (hostNetwork). */
  readonly network: PodNetwork;
  readonly place: PodPlace;
  /** A folder for this pod alone. */
  readonly directory: string;
  readonly token: VolumeSources["token"];
  /** What each container sees beside its volumes: the hosts file, the resolver's, the checkout. */
  readonly mounts: readonly Mount[];
  /** The environment that an image would have set. */
  readonly baseEnv: Readonly<Record<string, string>>;
  /** Where a command starts that says nothing about it. */
  readonly defaultWorkingDir: (uid: number) => string;
  readonly log: (container: string, line: string) => void;
  readonly changed: () => void;
  readonly recordProcess: (pid: number) => void;
  readonly forgetProcess: (pid: number) => void;
}

export type PodPhase = "Pending" | "Running" | "Succeeded" | "Failed" | "Terminating";

export interface PodStatus {
  readonly phase: PodPhase;
  readonly ready: boolean;
  readonly containers: readonly ContainerStatus[];
}

/** Kubernetes gives sidecars at least this long, however much of the grace period the apps used. */
const sidecarGrace = seconds(2);

export class RunningPod {
  /** As admitted and patched; the spec never changes. */
  readonly pod: Pod;
  readonly ip: string;
  /** Fulfilled when nothing of the pod runs any more, after its end or a stop. */
  readonly finished: Promise<void>;
  readonly #host: PodHost;
  readonly #volumes: PodVolumes;
  readonly #inits: readonly PodContainer[];
  readonly #apps: readonly PodContainer[];
  readonly #finished = Promise.withResolvers<void>();
  #phase: PodPhase = "Pending";

  constructor(pod: Pod, host: PodHost) {
    this.pod = pod;
    this.ip = pod.spec.hostNetwork === true ? host.place.hostIp : host.network.ip;
    this.#host = host;
    this.finished = this.#finished.promise;
    mkdirSync(host.directory, { recursive: true, mode: 0o700 });
    const { objects, place, token } = host;
    this.#volumes = new PodVolumes(pod, join(host.directory, "volumes"), { objects, place, token });
    this.#inits = (pod.spec.initContainers ?? []).map((spec) => this.#createInit(spec));
    this.#apps = pod.spec.containers.map((spec) =>
      this.#create(spec, "app", (pod.spec.restartPolicy ?? "Always") as RestartPolicy),
    );
  }

  start(): void {
    void this.#run();
  }

  status(): PodStatus {
    const containers = [...this.#inits, ...this.#apps].map((container) => container.status());
    const serving = containers.filter((container) => container.role !== "init");
    const ready = this.#phase === "Running" && serving.every((container) => container.ready);
    return { phase: this.#phase, ready, containers };
  }

  /** Writes ConfigMaps, Secrets and tokens again; running containers see the new files. */
  refreshVolumes(): void {
    if (this.#isStopping()) return;
    for (const container of [
      ...(this.pod.spec.initContainers ?? []),
      ...this.pod.spec.containers,
    ]) {
      try {
        this.#volumes.prepare(container);
      } catch (error) {
        // An object that is gone stays mounted as it was; only new containers wait for it.
        if (!(error instanceof NotYet)) throw error;
      }
    }
  }

  /** Runs a command in a container, by default the first app. Throws NotYet when that does not run. */
  exec(
    name: string | undefined,
    command: readonly string[],
    io: Pick<CommandSpec, "stdin" | "output"> = {},
  ): ContainerProcess {
    const all = [...this.#inits, ...this.#apps];
    const wanted = name ?? this.#apps[0]?.name;
    const container = all.find((candidate) => candidate.name === wanted);
    if (container !== undefined) return container.exec(command, io);
    const names = all.map((candidate) => candidate.name).join(", ");
    throw new NotYet(`pod ${this.pod.metadata.name} has no container "${wanted}"; it has ${names}`);
  }

  /** Ends the pod within its grace period, or the shorter one given; fulfilled when all processes are gone. */
  async stop(limit?: Millis): Promise<void> {
    const own = seconds(this.pod.spec.terminationGracePeriodSeconds ?? 30);
    const grace = Math.min(own, limit ?? own) as Millis;
    const end = this.#host.clock.now() + grace;
    this.#setPhase("Terminating");
    const plainInits = this.#inits.filter((container) => container.role === "init");
    await Promise.all([...plainInits, ...this.#apps].map((container) => container.stop(grace)));
    const left = Math.max(end - this.#host.clock.now(), Math.min(sidecarGrace, grace));
    await this.#stopSidecars(left as Millis);
    rmSync(this.#host.directory, { recursive: true, force: true });
    this.#finished.resolve();
  }

  async #run(): Promise<void> {
    for (const container of this.#inits) {
      container.start();
      if (container.role === "sidecar") {
        await Promise.race([container.started, container.finished]);
      } else {
        const { code } = await container.finished;
        if (code !== 0) {
          if (!this.#isStopping()) await this.#complete("Failed");
          return;
        }
      }
      if (this.#isStopping()) return;
    }
    this.#setPhase("Running");
    for (const container of this.#apps) container.start();
    const exits = await Promise.all(this.#apps.map((container) => container.finished));
    if (this.#isStopping()) return;
    await this.#complete(exits.every((exit) => exit.code === 0) ? "Succeeded" : "Failed");
  }

  /** The apps have ended for good, as a Job's do: its sidecars must not keep the pod. */
  async #complete(phase: "Succeeded" | "Failed"): Promise<void> {
    await this.#stopSidecars(seconds(this.pod.spec.terminationGracePeriodSeconds ?? 30));
    if (this.#isStopping()) return;
    this.#setPhase(phase);
    this.#finished.resolve();
  }

  async #stopSidecars(grace: Millis): Promise<void> {
    const sidecars = this.#inits.filter((container) => container.role === "sidecar");
    for (const sidecar of sidecars.toReversed()) await sidecar.stop(grace);
  }

  #isStopping(): boolean {
    return this.#phase === "Terminating";
  }

  #setPhase(phase: PodPhase): void {
    this.#phase = phase;
    this.#host.changed();
  }

  #createInit(spec: Container): PodContainer {
    if (spec.restartPolicy === "Always") return this.#create(spec, "sidecar", "Always");
    const never = this.pod.spec.restartPolicy === "Never";
    return this.#create(spec, "init", never ? "Never" : "OnFailure");
  }

  #create(spec: Container, role: ContainerRole, policy: RestartPolicy): PodContainer {
    const { sandbox, clock, log, changed, recordProcess, forgetProcess } = this.#host;
    const host: ContainerHost = {
      sandbox,
      clock,
      ip: this.ip,
      prepare: (container) => this.#prepare(container),
      onNews: (listener) => this.#host.objects.subscribe(listener),
      log,
      changed,
      recordProcess,
      forgetProcess,
      gracePeriod: seconds(this.pod.spec.terminationGracePeriodSeconds ?? 30),
    };
    return new PodContainer(spec, role, policy, host);
  }

  #prepare(container: Container): LaunchSpec {
    const { pod } = this;
    const { objects, place, baseEnv, network } = this.#host;
    this.#volumes.prepare(container);
    const user = resolveUser(container, pod);
    const base = {
      ...baseEnv,
      HOSTNAME: pod.metadata.name,
      HOME: user.user.uid === 0 ? "/root" : "/",
    };
    const env = resolveEnvironment(container, pod, place, objects, base);
    const command = [...(container.command ?? []), ...(container.args ?? [])];
    return {
      ...user,
      name: `${pod.metadata.namespace ?? "default"}/${pod.metadata.name}/${container.name}`,
      command: command.map((word) => expandReferences(word, env)),
      env,
      network: pod.spec.hostNetwork === true ? undefined : network,
      hostname: pod.metadata.name,
      mounts: [...this.#host.mounts, ...this.#volumes.mountsOf(container)],
      readOnlyRoot: container.securityContext?.readOnlyRootFilesystem === true,
      workingDir: container.workingDir ?? this.#host.defaultWorkingDir(user.user.uid),
    };
  }
}
