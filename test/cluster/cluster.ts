/** A whole Kubernetes on one node, in namespaces of its own: every program is the real one. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { startPrograms } from "./cluster-programs.ts";
import { buildSystemImages } from "./image/system-images.ts";
import { createCgroups, removeCgroups } from "./node/cgroups.ts";
import { importImage } from "./node/containerd.ts";
import { type Members, membersOf } from "./node/members.ts";
import { connectNode, disconnectNode, type NodeNetwork } from "./node/network.ts";
import { healApiServer, partitionApiServer } from "./node/partition.ts";
import { requirePrograms } from "./node/required-programs.ts";
import {
  createSandbox,
  destroySandbox,
  runInside,
  type Sandbox,
  sandboxLives,
} from "./node/sandbox.ts";
import { buildClusterPrograms, buildKubectl } from "./programs.ts";

const run = promisify(execFile);

export interface Cluster {
  readonly name: string;
  readonly folder: string;
  /** A file that makes its reader the administrator, from this machine. */
  readonly kubeconfig: string;
  readonly nodeIp: string;
  /** The cluster's programs: etcd, kube-apiserver, kubelet and so on can be stopped and started again. */
  readonly members: Members;
  /** Runs kubectl and gives what it printed; `input` becomes `-f -`. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** Loads an OCI or Docker archive, so that pods find the image that it names. */
  loadImage(file: string): void;
  /** Runs a short command in the node's namespaces. */
  inside(command: readonly string[], input?: string): string;
  /** Whether packets to the API server are lost, but for the administrator's. */
  partition(cut: boolean): void;
  /** Ends everything and removes its files. */
  close(): Promise<void>;
}

export interface ClusterOptions {
  readonly name: string;
  /** The cluster ends with this process, however that ends. */
  readonly bound: boolean;
  readonly say: (line: string) => void;
}

interface Saved {
  readonly sandbox: Sandbox;
  readonly network: NodeNetwork | undefined;
}

/** Starts the cluster `name`; refuses when it runs already or has left something behind. */
export async function startCluster({ name, bound, say }: ClusterOptions): Promise<Cluster> {
  const folder = folderOf(name);
  if (existsSync(folder)) {
    const state = openCluster(name) === undefined ? "left something behind" : "runs already";
    throw new Error(`the cluster ${name} ${state}; end it with: npm run cluster -- down`);
  }
  requirePrograms();
  // All that takes long comes before anything that would have to be cleaned up.
  const programs = await buildClusterPrograms();
  const images = await buildSystemImages();
  mkdirSync(folder, { mode: 0o711 });
  try {
    const sandbox = await createSandbox(folder, { bound });
    save(folder, { sandbox, network: undefined });
    createCgroups(cgroupOf(name));
    const network = connectNode(name, sandbox);
    save(folder, { sandbox, network });
    const members = membersOf(folder, sandbox);
    const cgroup = cgroupOf(name);
    const { nodeIp } = network;
    await startPrograms({ folder, sandbox, members, nodeIp, cgroup, programs, images, say });
    const cluster = openCluster(name);
    if (cluster === undefined) throw new Error("the cluster's namespaces ended at once");
    return cluster;
  } catch (error) {
    await removeCluster(name);
    throw error;
  }
}

/** The running cluster of that name, if there is one. */
export function openCluster(name: string): Cluster | undefined {
  const folder = folderOf(name);
  const saved = load(folder);
  if (saved?.network === undefined || !sandboxLives(saved.sandbox, folder)) return undefined;
  const { sandbox, network } = saved;
  const kubeconfig = join(folder, "kubeconfig");
  return {
    name,
    folder,
    kubeconfig,
    nodeIp: network.nodeIp,
    members: membersOf(folder, sandbox),
    kubectl: (args, input) => runKubectl(kubeconfig, args, input),
    loadImage: (file) => importImage(folder, sandbox, file),
    inside: (command, input = "") => runInside(sandbox, command, { input }),
    partition: (cut) => (cut ? partitionApiServer : healApiServer)(sandbox),
    close: () => removeCluster(name),
  };
}

/** Also what a killed run has left: its processes, interfaces, cgroups and files. */
export async function removeCluster(name: string): Promise<void> {
  const folder = folderOf(name);
  const saved = load(folder);
  if (saved !== undefined) await destroySandbox(saved.sandbox, folder);
  if (saved?.network !== undefined) disconnectNode(saved.network);
  await removeCgroups(cgroupOf(name));
  rmSync(folder, { recursive: true, force: true });
}

/** Names of the clusters on this machine, running or left behind. */
export function listClusters(): readonly string[] {
  const names = readdirSync(tmpdir()).filter((name) => name.startsWith(prefix));
  return names.map((name) => name.slice(prefix.length)).sort();
}

const prefix = "remora-cluster-";

function folderOf(name: string): string {
  return join(tmpdir(), `${prefix}${name}`);
}

function cgroupOf(name: string): string {
  return `${prefix}${name}`;
}

function save(folder: string, saved: Saved): void {
  writeFileSync(join(folder, "cluster.json"), JSON.stringify(saved));
}

function load(folder: string): Saved | undefined {
  const file = join(folder, "cluster.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Saved) : undefined;
}

async function runKubectl(
  kubeconfig: string,
  args: readonly string[],
  input?: string,
): Promise<string> {
  const kubectl = await buildKubectl();
  const source = input === undefined ? [] : ["-f", "-"];
  const options = { maxBuffer: 64 * 1024 * 1024 };
  const running = run(kubectl, ["--kubeconfig", kubeconfig, ...args, ...source], options);
  running.child.stdin?.end(input ?? "");
  return (await running).stdout;
}
