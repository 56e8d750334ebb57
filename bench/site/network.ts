/** Two network namespaces joined by one veth link: the client's side and the server's side. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";

const prefix = "remora-bench-";

export interface Network {
  readonly clientNamespace: string;
  readonly serverNamespace: string;
  remove(): void;
}

/** The same addresses in every pair: nothing of one pair can be seen from another. */
export const clientAddress = "10.77.0.1";
export const serverAddress = "10.77.0.2";

/** More addresses of the server's side: each is another pod to the proxies in front of it. */
export const moreServerAddresses: readonly string[] = Array.from(
  { length: 19 },
  (_, at) => `10.77.0.${at + 10}`,
);

/** Names carry this process's id, so that a later run knows which ones nobody owns any more. */
export function createNetwork(label: string): Network {
  const clientNamespace = `${prefix}${process.pid}-${label}-client`;
  const serverNamespace = `${prefix}${process.pid}-${label}-server`;
  const remove = () => {
    for (const name of [clientNamespace, serverNamespace]) removeNamespace(name);
  };
  try {
    for (const name of [clientNamespace, serverNamespace]) ip("netns", "add", name);
    ip(
      "link",
      "add",
      "eth0",
      "netns",
      clientNamespace,
      "type",
      "veth",
      "peer",
      "name",
      "eth0",
      "netns",
      serverNamespace,
    );
    address(clientNamespace, clientAddress);
    for (const own of [serverAddress, ...moreServerAddresses]) address(serverNamespace, own);
    // Service addresses exist only in the rules that capture; without a route the kernel refuses them before that.
    ip("-n", clientNamespace, "route", "add", "default", "via", serverAddress);
  } catch (error) {
    remove();
    throw error;
  }
  return { clientNamespace, serverNamespace, remove };
}

/** Removes what earlier runs that were killed have left behind, and ends what still runs in there. */
export function removeLeftovers(): void {
  if (!existsSync("/var/run/netns")) return;
  for (const name of readdirSync("/var/run/netns")) {
    const owner = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) removeNamespace(name);
  }
}

/** Removes what this process made and has not removed itself; made for the way out, so it never throws. */
export function removeOwn(): void {
  if (!existsSync("/var/run/netns")) return;
  for (const name of readdirSync("/var/run/netns")) {
    if (!name.startsWith(`${prefix}${process.pid}-`)) continue;
    try {
      removeNamespace(name);
    } catch {
      // The next run removes it.
    }
  }
}

function address(namespace: string, own: string): void {
  ip("-n", namespace, "link", "set", "lo", "up");
  ip("-n", namespace, "address", "add", `${own}/24`, "dev", "eth0");
  ip("-n", namespace, "link", "set", "eth0", "up");
}

function removeNamespace(name: string): void {
  if (!existsSync(`/var/run/netns/${name}`)) return;
  for (const pid of ip("netns", "pids", name).split("\n").filter(Boolean)) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It ended by itself in the meantime.
    }
  }
  ip("netns", "delete", name);
}

function ip(...args: readonly string[]): string {
  return execFileSync("ip", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
