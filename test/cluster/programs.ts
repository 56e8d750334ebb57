/** Builds the programs of a cluster from their Go modules, once per version. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildGoJudge } from "../support/go-judge.ts";

export type KubernetesProgram =
  | "kube-apiserver"
  | "kube-controller-manager"
  | "kube-scheduler"
  | "kubelet"
  | "kube-proxy";

const newest = join(import.meta.dirname, "kubernetes");
/** The first version that the mesh promises to work with. */
const oldest = join(import.meta.dirname, "kubernetes-oldest");
const chosen = process.env["REMORA_KUBERNETES"] === "oldest" ? oldest : newest;

/** Of the programs that `buildKubernetes` gives, as in `v1.36.3`; `REMORA_KUBERNETES=oldest` chooses the oldest. */
export function kubernetesVersion(): string {
  return versionOf(chosen)[0];
}

/** How kube-proxy of that version carries Services; nftables is there by default from 1.31 on. */
export function kubeProxyMode(): "iptables" | "nftables" {
  return Number(versionOf(chosen)[2]) < 31 ? "iptables" : "nftables";
}

/** Gives the paths of `names` in the order asked for. */
export function buildKubernetes(...names: KubernetesProgram[]): Promise<readonly string[]> {
  return buildFrom(chosen, names);
}

/** The tests' own tool, and not what they judge: the newest beside every cluster. */
export async function buildKubectl(): Promise<string> {
  const [kubectl = ""] = await buildFrom(newest, ["kubectl"]);
  return kubectl;
}

async function buildFrom(
  module: string,
  names: readonly (KubernetesProgram | "kubectl")[],
): Promise<readonly string[]> {
  const packages = names.map((name) => `k8s.io/kubernetes/cmd/${name}`);
  const folder = await buildGoJudge(module, packages, { ldflags: versionFlags(module), say });
  return names.map((name) => join(folder, name));
}

export async function buildEtcd(): Promise<string> {
  const module = join(import.meta.dirname, "etcd");
  const options = { ldflags: "-s -w", say };
  return join(await buildGoJudge(module, ["go.etcd.io/etcd/server/v3"], options), "server");
}

export async function buildCoreDns(): Promise<string> {
  const module = join(import.meta.dirname, "coredns");
  const options = { ldflags: "-s -w", say };
  return join(await buildGoJudge(module, ["github.com/coredns/coredns"], options), "coredns");
}

export type ClusterPrograms = Readonly<Record<KubernetesProgram | "kubectl" | "etcd", string>>;

/** All of them, in the order in which somebody may already wait for one. */
export async function buildClusterPrograms(): Promise<ClusterPrograms> {
  const etcd = await buildEtcd();
  const [apiServer = ""] = await buildKubernetes("kube-apiserver");
  const kubectl = await buildKubectl();
  const [manager = "", scheduler = "", kubelet = "", proxy = ""] = await buildKubernetes(
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
  );
  return {
    etcd,
    "kube-apiserver": apiServer,
    kubectl,
    "kube-controller-manager": manager,
    "kube-scheduler": scheduler,
    kubelet,
    "kube-proxy": proxy,
  };
}

/** Kubernetes learns its version from the linker; without it clients take the cluster for an ancient one. */
function versionFlags(module: string): string {
  const [version, major, minor] = versionOf(module);
  const values = { gitVersion: version, gitMajor: major, gitMinor: minor };
  const flags = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"].flatMap((path) =>
    Object.entries(values).map(([name, value]) => `-X ${path}.${name}=${value}`),
  );
  return ["-s -w", ...flags].join(" ");
}

/** As in `v1.36.3`, with its first two numbers. */
function versionOf(module: string): readonly [string, string, string] {
  const file = readFileSync(join(module, "go.mod"), "utf8");
  const [, version, major, minor] = /k8s\.io\/kubernetes (v(\d+)\.(\d+)\.\d+)/.exec(file) ?? [];
  if (version === undefined || major === undefined || minor === undefined) {
    throw new Error(`${module}/go.mod requires no k8s.io/kubernetes`);
  }
  return [version, major, minor];
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
