/** Makes running pods: admission, network, files, environment. */
import { randomUUID } from "node:crypto";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { InjectionOptions } from "../../injector/options.ts";
import type { Pod } from "../api/kubernetes.ts";
import type { Clock } from "../core/clock.ts";
import { admitPod } from "./admission.ts";
import type { LogBook } from "./log-book.ts";
import type { MeshPod } from "./mesh-pod.ts";
import type { ObjectStore } from "./objects.ts";
import { type PodHost, RunningPod } from "./pod/pod.ts";
import type { Sandbox } from "./pod/sandbox.ts";
import type { Mount } from "./sandbox/launch-spec.ts";
import type { MeshNetwork } from "./sandbox/network.ts";
import type { MeshState } from "./sandbox/state.ts";
import type { PodTokens } from "./tokens.ts";
import { createPod, createSuffix, type Workload, workloadKey } from "./workload.ts";

/** One machine is one node. */
const nodeName = "local";

export interface PodFactoryConfig {
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  readonly state: MeshState;
  readonly network: MeshNetwork;
  readonly objects: ObjectStore;
  readonly tokens: PodTokens;
  readonly logs: LogBook;
  readonly injection: InjectionOptions;
  /** Host folders that containers must reach, whatever their user is. */
  readonly exposed: readonly Mount[];
  readonly workingDir: string;
  /** The PATH of whoever started the mesh: this machine is the image. */
  readonly path: string;
  readonly changed: () => void;
}

export class PodFactory {
  readonly #config: PodFactoryConfig;
  readonly #resolverFile: string;
  readonly #isOpen: boolean;

  constructor(config: PodFactoryConfig) {
    this.#config = config;
    this.#isOpen = (statSync(config.workingDir).mode & 0o005) === 0o005;
    this.#resolverFile = join(config.state.directory, "resolv.conf");
    writeFileSync(this.#resolverFile, resolverFile, { mode: 0o644 });
  }

  /** Makes and starts a pod. The workload was checked before, so that a refusal here is a bug. */
  create(workload: Workload, ordinal: number): MeshPod {
    const { objects, injection, clock, network } = this.#config;
    const suffix = createSuffix(workload, ordinal, Math.random);
    const wanted = createPod(workload, suffix, workload.uid ?? randomUUID());
    const namespace = objects.get("Namespace", "", workload.namespace);
    const admission = admitPod(wanted, namespace, injection);
    if (admission.kind === "refused") throw new Error(admission.problems.join("; "));
    const podNetwork = network.addPod();
    const directory = join(this.#config.state.directory, "pods", wanted.metadata.uid ?? "");
    const hostsFile = join(directory, "hosts");
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(hostsFile, "", { mode: 0o644 });
    const host = this.#createHost(admission.pod, podNetwork, directory, hostsFile);
    return {
      running: new RunningPod(admission.pod, host),
      network: podNetwork,
      meshed: admission.meshed,
      workload: workloadKey(workload),
      created: clock.wallTime(),
      hostsFile,
    };
  }

  #createHost(
    pod: Pod,
    podNetwork: PodHost["network"],
    directory: string,
    hostsFile: string,
  ): PodHost {
    const { sandbox, clock, objects, tokens, logs, state, network, exposed } = this.#config;
    const { name, namespace = "default" } = pod.metadata;
    const files: readonly Mount[] = [
      { kind: "bind", source: hostsFile, target: "/etc/hosts", readOnly: true },
      { kind: "bind", source: this.#resolverFile, target: "/etc/resolv.conf", readOnly: true },
    ];
    return {
      sandbox,
      clock,
      objects,
      network: podNetwork,
      place: { ip: podNetwork.ip, hostIp: network.gateway, nodeName },
      directory,
      token: (...request) => tokens.token(...request),
      mounts: [...exposed, ...files],
      baseEnv: { PATH: this.#config.path, LANG: "C.UTF-8" },
      // A home directory is closed to other users, who then start at the root as in an image.
      defaultWorkingDir: (uid) => (uid === 0 || this.#isOpen ? this.#config.workingDir : "/"),
      log: (container, text) => logs.append({ namespace, pod: name, container, text }),
      changed: this.#config.changed,
      recordProcess: (pid) => state.recordProcess(pid),
      forgetProcess: (pid) => state.forgetProcess(pid),
    };
  }
}

/** The running Node first, so that `node` in a manifest is the one that the mesh itself runs on. */
export function createSearchPath(path: string | undefined): string {
  const standard = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  return `${dirname(process.execPath)}:${path ?? standard}`;
}

/**
 * The mesh's names are in the hosts files. Pods have no way out of the mesh's own network, so the host's name servers
 * would only be waited for: nobody listens here, and the kernel says so at once.
 */
const resolverFile = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
