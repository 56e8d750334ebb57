/** What the machine itself must have, checked before anything is started. */
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { findGo, noGo } from "../../support/go-judge.ts";
import { kubeProxyMode } from "../programs.ts";
import { systemPath } from "./sandbox.ts";

const packages: Readonly<Record<string, string>> = {
  containerd: "containerd",
  ctr: "containerd",
  runc: "runc",
  nft: "nftables",
  conntrack: "conntrack",
  ip: "iproute2",
  unshare: "util-linux",
  nsenter: "util-linux",
  setpriv: "util-linux",
  mount: "mount",
  openssl: "openssl",
  tar: "tar",
  ldd: "libc-bin",
  ...(kubeProxyMode() === "iptables" ? { iptables: "iptables" } : {}),
};

/** Why a cluster cannot run on this machine, with what to do about it; undefined when it can. */
export function whyNoCluster(): string | undefined {
  if (process.platform !== "linux") return "a cluster needs Linux";
  if (process.getuid?.() !== 0)
    return "a cluster needs root: it makes namespaces, mounts and control groups";
  if (findGo() === undefined) return noGo;
  const missing = Object.entries(packages).filter(([program]) => !isOnPath(program));
  const wanted = new Set(missing.map(([, name]) => name));
  if (!["/usr/lib/cni", "/opt/cni/bin"].some((folder) => existsSync(join(folder, "ptp")))) {
    wanted.add("containernetworking-plugins");
  }
  if (!existsSync("/bin/busybox")) wanted.add("busybox-static");
  if (wanted.size === 0) return undefined;
  return `a cluster needs programs that are missing (Debian: apt install ${[...wanted].join(" ")})`;
}

export function requirePrograms(): void {
  const reason = whyNoCluster();
  if (reason !== undefined) throw new Error(reason);
}

function isOnPath(program: string): boolean {
  return systemPath.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
