/** containerd with runc, and the pods' network: each pod is a pair of interfaces that the node routes between. */
import { existsSync, mkdirSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runInside, type Sandbox } from "./sandbox.ts";

export const containerdSocket = "/run/containerd/containerd.sock";
export const pauseImage = "localhost/pause:1";
export const podRange = "10.244.0.0/16";

/** Overlay on overlay is not allowed, and in a container the disk is one. */
const overlayFileSystem = 0x794c7630;

export function containerdCommand(folder: string): string[] {
  const plugins = join(folder, "cni");
  mkdirSync(plugins, { recursive: true });
  writeFileSync(join(plugins, "10-pods.conflist"), JSON.stringify(podNetwork));
  const file = join(folder, "containerd.toml");
  writeFileSync(file, configuration(folder, plugins));
  return ["containerd", "--config", file];
}

/** `file` is an OCI or Docker archive. */
export function importImage(folder: string, sandbox: Sandbox, file: string): void {
  const importing = ["images", "import", "--snapshotter", snapshotterFor(folder), file];
  const command = ["ctr", "--address", containerdSocket, "--namespace", "k8s.io", ...importing];
  runInside(sandbox, command, { timeout: 300_000 });
}

const podNetwork = {
  cniVersion: "1.0.0",
  name: "pods",
  plugins: [
    {
      // Routed and not bridged: a Service's answer from a neighbour must pass the rules that translated the question.
      type: "ptp",
      ipMasq: false,
      mtu: 1500,
      ipam: {
        type: "host-local",
        ranges: [[{ subnet: podRange }]],
        routes: [{ dst: "0.0.0.0/0" }],
        dataDir: "/run/cni-addresses",
      },
    },
  ],
};

function configuration(folder: string, plugins: string): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `
version = 2
root = "${folder}/containerd"
state = "/run/containerd"

[grpc]
  address = "${containerdSocket}"

[${cri}]
  sandbox_image = "${pauseImage}"
  # Not every machine lets its root lower OOM scores; runc dies of it without a word.
  restrict_oom_score_adj = true
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
  disable_apparmor = true

[${cri}.containerd]
  snapshotter = "${snapshotterFor(folder)}"
  default_runtime_name = "runc"

[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[${cri}.cni]
  bin_dir = "${pluginFolder()}"
  conf_dir = "${plugins}"
`;
}

function snapshotterFor(folder: string): "native" | "overlayfs" {
  return statfsSync(folder).type === overlayFileSystem ? "native" : "overlayfs";
}

function pluginFolder(): string {
  const folders = ["/usr/lib/cni", "/opt/cni/bin"];
  return folders.find((folder) => existsSync(join(folder, "ptp"))) ?? "/usr/lib/cni";
}
