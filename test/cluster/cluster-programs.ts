/** Starts the programs of a cluster in the order in which they need each other, and waits until pods can run. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Authority, createAuthority, createTokenKey } from "./certificates.ts";
import { apiServerCommand, etcdCommand } from "./control-plane-commands.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { containerdCommand, importImage } from "./node/containerd.ts";
import { kubeletCommand, kubeProxyCommand, nodeName } from "./node/kubelet.ts";
import type { Members } from "./node/members.ts";
import { runInside, type Sandbox } from "./node/sandbox.ts";
import type { ClusterPrograms } from "./programs.ts";
import { awaitReady } from "./readiness.ts";

export interface ClusterParts {
  readonly folder: string;
  readonly sandbox: Sandbox;
  readonly members: Members;
  readonly nodeIp: string;
  readonly cgroup: string;
  readonly programs: ClusterPrograms;
  /** Archives of what the cluster itself runs as pods. */
  readonly images: readonly string[];
  readonly say: (line: string) => void;
}

const patience = 120_000;

export async function startPrograms(parts: ClusterParts): Promise<void> {
  const { folder, members, nodeIp, programs, say } = parts;
  const certificates = join(folder, "certificates");
  mkdirSync(certificates);
  const authority = await createAuthority(certificates);
  members.start("containerd", containerdCommand(folder));
  const ports = { clientPort: 2379, peerPort: 2380 };
  members.start("etcd", etcdCommand({ program: programs.etcd, folder, ...ports }));
  const url = `https://${nodeIp}:6443`;
  await startApiServer(parts, authority, url);
  say(`the API server answers at ${url}`);

  const clients = clientsOf(folder, url, authority);
  members.start("kube-controller-manager", [
    programs["kube-controller-manager"],
    `--kubeconfig=${await clients("system:kube-controller-manager")}`,
    `--service-account-private-key-file=${join(certificates, "tokens-key.pem")}`,
    `--root-ca-file=${authority.root}`,
    "--use-service-account-credentials=true",
    "--leader-elect=false",
  ]);
  members.start("kube-scheduler", [
    programs["kube-scheduler"],
    `--kubeconfig=${await clients("system:kube-scheduler")}`,
    "--leader-elect=false",
  ]);
  await startNode(parts, authority, clients);
  await awaitPods(parts);
  say("the node is ready, and names are resolved");
}

async function startNode(
  { folder, sandbox, members, nodeIp, cgroup, programs, images }: ClusterParts,
  authority: Authority,
  clients: Clients,
): Promise<void> {
  for (const image of images) {
    await poll("containerd answers", members, ["containerd"], () => {
      importImage(folder, sandbox, image);
      return true;
    });
  }
  const groups = ["system:nodes"];
  const user = `system:node:${nodeName}`;
  const hosts = [`IP:${nodeIp}`, `DNS:${nodeName}`];
  const serving = await authority.issue("kubelet-serving", { user, groups, hosts });
  const kubeconfig = await clients(user, groups);
  const at = { folder, kubeconfig, nodeIp, cgroup, root: authority.root, serving };
  members.start("kubelet", kubeletCommand({ program: programs.kubelet, ...at }));
  const proxyConfig = await clients("system:kube-proxy");
  members.start("kube-proxy", kubeProxyCommand(programs["kube-proxy"], proxyConfig));
}

async function startApiServer(
  { folder, members, nodeIp, programs }: ClusterParts,
  authority: Authority,
  url: string,
): Promise<void> {
  const program = programs["kube-apiserver"];
  const names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"];
  const ips = [nodeIp, "10.96.0.1", "127.0.0.1"];
  const hosts = [...ips.map((ip) => `IP:${ip}`), ...names.map((name) => `DNS:${name}`)];
  const serving = await authority.issue("api-server", { user: "kube-apiserver", hosts });
  const client = await authority.issue("api-server-client", {
    user: "kube-apiserver-kubelet-client",
    groups: ["system:masters"],
  });
  const admin = await authority.issue("admin", { user: "admin", groups: ["system:masters"] });
  const tokens = await createTokenKey(join(folder, "certificates"));
  const more = [
    `--advertise-address=${nodeIp}`,
    "--kubelet-preferred-address-types=InternalIP",
    `--kubelet-client-certificate=${client.cert}`,
    `--kubelet-client-key=${client.key}`,
    `--kubelet-certificate-authority=${authority.root}`,
    "--enable-admission-plugins=NodeRestriction",
  ];
  const { root } = authority;
  // On every address, so that it reaches itself by loopback when a test cuts it off from the others.
  const at = { etcdPort: 2379, ip: "0.0.0.0", port: 6443 };
  const command = apiServerCommand({ program, ...at, root, serving, tokens, more });
  members.start("kube-apiserver", command);
  writeKubeconfig(join(folder, "kubeconfig"), { url, root, client: admin });
  await awaitReady({
    url,
    root,
    client: admin,
    daemons: [watched(members, "etcd"), watched(members, "kube-apiserver")],
  });
}

function watched(members: Members, name: string): { ended(): string | undefined } {
  return { ended: () => members.ended(name) };
}

type Clients = (user: string, groups?: readonly string[]) => Promise<string>;

/** Makes a kubeconfig for each of the cluster's own clients. */
function clientsOf(folder: string, url: string, authority: Authority): Clients {
  return async (user, groups = []) => {
    const name = user.split(":").slice(1).join("-");
    const client = await authority.issue(name, { user, groups });
    const file = join(folder, `${name}.kubeconfig`);
    writeKubeconfig(file, { url, root: authority.root, client });
    return file;
  };
}

/** Everything that pods need: the node has registered, DNS runs as a pod and is served by its Service. */
async function awaitPods({ folder, sandbox, members, programs }: ClusterParts): Promise<void> {
  const manifest = readFileSync(join(import.meta.dirname, "manifests/coredns.yaml"), "utf8");
  const ask = (...args: string[]): string =>
    runInside(sandbox, [programs.kubectl, `--kubeconfig=${join(folder, "kubeconfig")}`, ...args], {
      input: manifest,
      timeout: patience,
    });
  const names = [
    "kubelet",
    "kube-proxy",
    "kube-controller-manager",
    "kube-scheduler",
    "containerd",
  ];
  await poll("CoreDNS is deployed", members, names, () => ask("apply", "-f", "-") !== "");
  const ready = '{.status.conditions[?(@.type=="Ready")].status}';
  await poll("the node is ready", members, names, () => {
    return ask("get", "node", nodeName, `-o=jsonpath=${ready}`) === "True";
  });
  ask("rollout", "status", "deployment/coredns", "-n=kube-system", "--timeout=110s");
}

/** Tries until it is true; what a try threw is the reason in the end. */
async function poll(
  what: string,
  members: Members,
  names: readonly string[],
  attempt: () => boolean,
): Promise<void> {
  const end = performance.now() + patience;
  let reason: unknown;
  for (;;) {
    try {
      if (attempt()) return;
    } catch (error) {
      reason = error;
    }
    const ended = names.map((name) => members.ended(name)).find((one) => one !== undefined);
    if (ended !== undefined) throw new Error(ended, { cause: reason });
    if (performance.now() > end) throw new Error(`not in time: ${what}`, { cause: reason });
    await delay(100);
  }
}
