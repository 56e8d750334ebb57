/** A running local mesh: the composition of network, pods, names, control plane and manifests. */
import { statSync } from "node:fs";
import type { InjectionOptions } from "../../injector/options.ts";
import type { KnownObject } from "../api/kubernetes.ts";
import { loadManifests, mergeManifests } from "../control/manifests/load.ts";
import { type Manifests, parseManifests } from "../control/manifests/parse.ts";
import { watchManifests } from "../control/manifests/watch.ts";
import { systemClock } from "../core/clock.ts";
import { type Millis, seconds } from "../core/duration.ts";
import { createTokenSigner } from "../identity/local-issuer.ts";
import { createLocalInjection } from "./admission.ts";
import type { ApplyRequest, ApplyResult, PodSummary, ReadyResult } from "./api/messages.ts";
import { checkManifests } from "./check-manifests.ts";
import { createControlPlane, createControlPlaneFolders, systemNamespace } from "./control-plane.ts";
import { Inventory } from "./inventory.ts";
import { LogBook } from "./log-book.ts";
import type { MeshPod } from "./mesh-pod.ts";
import { ObjectFolder } from "./object-folder.ts";
import { ObjectStore } from "./objects.ts";
import { systemSandbox } from "./pod/sandbox.ts";
import { createSearchPath, PodFactory } from "./pod-factory.ts";
import { PodFleet } from "./pod-fleet.ts";
import { findPod, parseController } from "./pod-reference.ts";
import { findPrograms } from "./programs.ts";
import { waitReady } from "./readiness.ts";
import { summarize } from "./report.ts";
import { exposePath } from "./sandbox/expose-path.ts";
import type { Mount } from "./sandbox/launch-spec.ts";
import { createMeshNetwork, type MeshNetwork } from "./sandbox/network.ts";
import { type MeshState, openMeshState } from "./sandbox/state.ts";
import { ServiceAddresses } from "./service-addresses.ts";
import { PodTokens } from "./tokens.ts";
import { createBundleConfigMap, watchTrustBundle } from "./trust-bundle.ts";
import { UserError } from "./user-error.ts";

export interface MeshConfig {
  readonly name: string;
  /** Files and folders with manifests, absolute. */
  readonly paths: readonly string[];
  /** Directory of the states of all meshes, see `stateRoot`. */
  readonly stateRoot: string;
  /** Where relative paths in commands start. */
  readonly workingDir: string;
  /** PATH of whoever starts the mesh. */
  readonly searchPath: string | undefined;
  readonly trustDomain: string;
  /** Settings of the control plane (`REMORA_IDENTITY_…`, `REMORA_CONTROL_…`) are taken from here. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Read the paths again when they change. */
  readonly watch: boolean;
  /** News for whoever watches the mesh start and run, one sentence each. */
  readonly onNotice: (text: string) => void;
}

/**
 * Pods are not waited for longer than this when the whole mesh ends. A Node program without a handler for SIGTERM does
 * not end by it as the first process of a container, and a person waits meanwhile.
 */
const endGrace = seconds(3);
const systemEndGrace = seconds(2);
/** Tokens live for minutes at least. */
const tokenCheckPeriod = seconds(5);

/** Everything that a running mesh is made of; closed in this order backwards. */
interface Parts {
  /** Given to the fleet when the first pod needs it. */
  readonly controlPlane: readonly KnownObject[];
  readonly config: MeshConfig;
  readonly state: MeshState;
  readonly network: MeshNetwork;
  readonly fleet: PodFleet;
  readonly objects: ObjectStore;
  readonly injection: InjectionOptions;
}

export class Mesh {
  readonly logs: LogBook;
  readonly #parts: Parts;
  readonly #inventory = new Inventory();
  readonly #closers: (() => void)[] = [];
  #hasControlPlane = false;
  #ending: Promise<void> | undefined;

  constructor(parts: Parts, logs: LogBook) {
    this.#parts = parts;
    this.logs = logs;
  }

  get name(): string {
    return this.#parts.config.name;
  }

  /** The mesh's private folder. */
  get directory(): string {
    return this.#parts.state.directory;
  }

  get network(): MeshNetwork {
    return this.#parts.network;
  }

  /** Everything of `ps`; the control plane's own pods are in the namespace `remora-system`. */
  pods(): readonly PodSummary[] {
    const { fleet, config } = this.#parts;
    const now = systemClock.wallTime();
    return fleet.members().map((member) => summarize(member, config.trustDomain, now));
  }

  /** Throws a UserError when no pod, or no single one, is meant. */
  find(target: string, namespace: string | undefined): MeshPod {
    return findPod(this.#parts.fleet, target, namespace);
  }

  whenReady(timeout: Millis): Promise<ReadyResult> {
    return waitReady(this.#parts.fleet, this.logs, systemClock, timeout);
  }

  /** Reads manifests and makes the mesh what they say; changes nothing when any of them has a problem. */
  apply(request: ApplyRequest): ApplyResult {
    const files = loadManifests(request.paths);
    const text = request.text === undefined ? [] : [parseManifests(request.text, "standard input")];
    return this.#applyManifests(mergeManifests([files, ...text]), request.paths);
  }

  /** Applies manifests that are read by somebody else, as the content of the given folders and files. */
  #applyManifests(manifests: Manifests, paths: readonly string[]): ApplyResult {
    const { objects, injection, fleet } = this.#parts;
    const verdict = checkManifests(manifests, objects.all(), injection);
    const { problems, warnings, meshed } = verdict;
    if (problems.length > 0) return { changes: [], warnings, problems };
    if (meshed && !this.#hasControlPlane) {
      this.#hasControlPlane = true;
      fleet.apply(this.#parts.controlPlane, []);
    }
    const plan = this.#inventory.plan(manifests.objects, paths);
    this.#inventory.commit(manifests.objects, plan);
    fleet.apply(plan.set, plan.removed);
    return { changes: plan.words, warnings, problems: [] };
  }

  /** Deletes a pod (its controller makes another one) or a controller with its pods; gives its name. */
  async delete(target: string, namespace: string | undefined): Promise<string> {
    const { fleet } = this.#parts;
    const controller = parseController(target);
    if (controller !== undefined) return this.#deleteController(controller, namespace);
    const member = this.find(target, namespace);
    const { pod } = member.running;
    const bare = this.#parts.objects.get(
      "Pod",
      pod.metadata.namespace ?? "default",
      pod.metadata.name,
    );
    await fleet.delete(member);
    if (bare !== undefined) this.#remove(bare);
    return `pod/${pod.metadata.name}`;
  }

  #deleteController(
    wanted: { readonly kind: string; readonly name: string },
    namespace: string | undefined,
  ): string {
    const found = this.#parts.objects
      .all()
      .find(
        ({ kind, metadata }) =>
          kind === wanted.kind &&
          metadata.name === wanted.name &&
          (namespace === undefined || metadata.namespace === namespace),
      );
    const words = `${wanted.kind.toLowerCase()}/${wanted.name}`;
    if (found === undefined) {
      throw new UserError(`there is no ${words} in this mesh`, "see the pods with: remora ps");
    }
    this.#remove(found);
    return words;
  }

  #remove(object: KnownObject): void {
    this.#inventory.forget(object);
    this.#parts.fleet.apply([], [object]);
  }

  /** Ends everything, apps before sidecars before the control plane; fulfilled when nothing is left. */
  stop(): Promise<void> {
    this.#ending ??= this.#stop();
    return this.#ending;
  }

  async #stop(): Promise<void> {
    const { fleet, network, state } = this.#parts;
    for (const close of this.#closers.splice(0)) close();
    await fleet.end(({ namespace }) => namespace !== systemNamespace, endGrace);
    await fleet.end(() => true, systemEndGrace);
    network.close();
    state.close();
  }

  /** For the parts that `startMesh` adds: called when the mesh begins to end. */
  onStop(close: () => void): void {
    this.#closers.push(close);
  }

  /** Reads the mesh's own paths again whenever they change. */
  watch(): void {
    const { paths, onNotice } = this.#parts.config;
    const watching = watchManifests(paths, (manifests) => {
      const errors = manifests.problems.filter(({ severity }) => severity === "error");
      // Objects of sound files stay in force; only what is broken is told.
      const usable = {
        ...manifests,
        problems: manifests.problems.filter((p) => !errors.includes(p)),
      };
      const result = this.#applyManifests(usable, errors.length > 0 ? [] : paths);
      const told = errors.map((problem) => `${problem.file}:${problem.line}: ${problem.reason}`);
      for (const text of [...told, ...result.problems]) onNotice(`${text}; kept what was there`);
      for (const text of result.changes) if (!text.endsWith(" unchanged")) onNotice(text);
    });
    this.onStop(() => watching.close());
  }
}

/**
 * Starts a mesh: reads and checks the manifests, claims the name, makes the network, and starts the pods without
 * waiting for them. Throws a UserError, with nothing left behind, when it cannot.
 */
export async function startMesh(config: MeshConfig): Promise<Mesh> {
  const programs = findPrograms();
  const injection = createLocalInjection(programs, config.trustDomain);
  const verdict = checkManifests(loadManifests(config.paths), [], injection);
  if (verdict.problems.length > 0) {
    throw new UserError(verdict.problems.join("\n"), "nothing was started");
  }
  for (const warning of verdict.warnings) config.onNotice(warning);
  const state = await claimName(config);
  let network: MeshNetwork;
  try {
    network = createMeshNetwork({ mesh: config.name });
  } catch (error) {
    state.close();
    throw new UserError(`the mesh's network cannot be made: ${(error as Error).message}`);
  }
  const objects = new ObjectStore();
  const logs = new LogBook();
  const folders = createControlPlaneFolders(state.directory);
  const signer = createTokenSigner(folders.tokens);
  const tokens = new PodTokens(signer, systemClock);
  const factory = new PodFactory({
    sandbox: systemSandbox,
    clock: systemClock,
    state,
    network,
    objects,
    tokens,
    logs,
    injection,
    exposed: exposeFolders([programs.root, config.workingDir, ...config.paths.map(folderOf)]),
    workingDir: config.workingDir,
    path: createSearchPath(config.searchPath),
    changed: () => fleet.scheduleSync(),
  });
  const addresses = new ServiceAddresses(network.serviceRange);
  const folder = new ObjectFolder(folders.objects);
  const fleet = new PodFleet({ objects, addresses, folder, network, tokens, logs, factory });
  const controlPlane = createControlPlane({
    programs,
    folders,
    jwksFile: signer.jwksFile,
    tokenIssuer: signer.issuer,
    trustDomain: config.trustDomain,
    environment: config.environment ?? {},
  });
  const parts = { config, state, network, fleet, objects, injection, controlPlane };
  const mesh = new Mesh(parts, logs);
  mesh.apply({ paths: config.paths });
  mesh.onStop(publishTrustBundle(fleet, folders.bundle));
  mesh.onStop(renewTokens(fleet));
  if (config.watch) mesh.watch();
  return mesh;
}

async function claimName(config: MeshConfig): Promise<MeshState> {
  try {
    return await openMeshState(config.stateRoot, config.name);
  } catch (error) {
    throw new UserError((error as Error).message);
  }
}

/** Emptied folders first, so that none of them hides what another one shows. */
function exposeFolders(folders: readonly string[]): readonly Mount[] {
  const mounts = new Map<string, Mount>();
  for (const mount of folders.flatMap((folder) => exposePath(folder))) {
    mounts.set(`${mount.kind} ${mount.target}`, mount);
  }
  const all = Array.from(mounts.values());
  const binds = all.filter((mount) => mount.kind === "bind");
  binds.sort((left, right) => left.target.length - right.target.length);
  return [...all.filter((mount) => mount.kind === "tmpfs"), ...binds];
}

/** Every namespace with pods gets the ConfigMap, also one that appears later. */
function publishTrustBundle(fleet: PodFleet, folder: string): () => void {
  let pem = "";
  const given = new Map<string, string>();
  const publish = (): void => {
    if (pem === "") return;
    const namespaces = new Set(fleet.workloads().map(({ namespace }) => namespace));
    const missing = Array.from(namespaces).filter((namespace) => given.get(namespace) !== pem);
    if (missing.length === 0) return;
    for (const namespace of missing) given.set(namespace, pem);
    fleet.apply(
      missing.map((namespace) => createBundleConfigMap(namespace, pem)),
      [],
    );
  };
  const stopWatching = watchTrustBundle(folder, systemClock, (text) => {
    pem = text;
    publish();
  });
  const unsubscribe = fleet.subscribe(publish);
  return () => {
    stopWatching();
    unsubscribe();
  };
}

function renewTokens(fleet: PodFleet): () => void {
  const timer = setInterval(() => {
    for (const { running } of fleet.members()) running.refreshVolumes();
  }, tokenCheckPeriod);
  timer.unref();
  return () => clearInterval(timer);
}

function folderOf(path: string): string {
  return statSync(path).isDirectory() ? path : path.slice(0, path.lastIndexOf("/")) || "/";
}
