/**
 * The node: network, mount and PID namespaces of its own. When its first process ends, the kernel ends all others and takes
 * the mounts, interfaces, rules and sockets away, so nothing of a cluster can outlive it but files and cgroups.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export interface Sandbox {
  /** The process outside that holds the namespaces; as long as it lives, they do. */
  readonly pid: number;
}

/** Programs of the system live in these too, and they are not on every user's PATH. */
export const systemPath: string = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;

const marker = "remora-cluster";

/**
 * Mounts that no other process sees: a fresh /run for sockets and namespaces, and folders of the cluster over those that the
 * kubelet and the CNI plugins do not let one choose. The first process ignores the ends of its children, so the kernel reaps
 * what is orphaned.
 */
const firstProcess = `
set -e
mount -t tmpfs tmpfs /run
mount --bind "$1/var-lib" /var/lib
mount --bind "$1/var-log" /var/log
ip link set lo up
echo 1 > /proc/sys/net/ipv4/ip_forward
trap '' CHLD
echo ready
exec sleep infinity
`;

export interface SandboxOptions {
  /** The namespaces end with this process, however it ends. */
  readonly bound: boolean;
}

/** `folder` identifies the cluster. */
export async function createSandbox(folder: string, { bound }: SandboxOptions): Promise<Sandbox> {
  for (const name of ["var-lib", "var-log"]) mkdirSync(join(folder, name), { recursive: true });
  const isolate = [
    "unshare",
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
  ];
  const first = ["sh", "-c", firstProcess, marker, folder];
  const [file = "", ...args] = [...(bound ? boundCommand : []), ...isolate, ...first];
  const env = { ...process.env, PATH: systemPath };
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], detached: !bound, env });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const ready = once(child.stdout, "data").then(() => true);
  const ended = once(child, "exit").then(() => false);
  if (!(await Promise.race([ready, ended])) || child.pid === undefined) {
    throw new Error(`the cluster's namespaces cannot be made: ${said.trim()}`);
  }
  child.stdout.destroy();
  child.stderr.destroy();
  child.unref();
  return { pid: child.pid };
}

const boundCommand = ["setpriv", "--pdeathsig", "KILL", "--"];

/** The command that runs `command` inside. Its PID inside differs from the one that the caller sees. */
export function insideCommand(sandbox: Sandbox, command: readonly string[]): string[] {
  const { pid } = sandbox;
  const spaces = [`--net=/proc/${pid}/ns/net`, `--mount=/proc/${pid}/ns/mnt`];
  return ["nsenter", ...spaces, `--pid=/proc/${pid}/ns/pid_for_children`, "--", ...command];
}

export interface InsideOptions {
  readonly input?: string;
  /** Milliseconds; a command that only asks or sets something ends at once. */
  readonly timeout?: number;
}

/** Runs a short command inside; throws with what it said when it fails. */
export function runInside(
  sandbox: Sandbox,
  command: readonly string[],
  { input = "", timeout = 60_000 }: InsideOptions = {},
): string {
  const [file = "", ...args] = insideCommand(sandbox, command);
  const env = { ...process.env, PATH: systemPath };
  const result = spawnSync(file, args, { input, encoding: "utf8", timeout, env });
  if (result.error !== undefined) throw result.error;
  if (result.status === 0) return result.stdout;
  const said = `${result.stderr}${result.stdout}`.trim();
  throw new Error(`${command.slice(0, 3).join(" ")} … failed inside the cluster: ${said}`);
}

/** Whether the namespaces of the cluster in `folder` still have their holder; PIDs are used again. */
export function sandboxLives({ pid }: Sandbox, folder: string): boolean {
  const file = `/proc/${pid}/cmdline`;
  try {
    const args = readFileSync(file, "utf8").split("\0");
    return args.includes(marker) && args.includes(folder);
  } catch {
    return false;
  }
}

/** Ends everything inside. */
export async function destroySandbox(sandbox: Sandbox, folder: string): Promise<void> {
  if (!sandboxLives(sandbox, folder)) return;
  process.kill(sandbox.pid, "SIGKILL");
  while (existsSync(`/proc/${sandbox.pid}`) && sandboxLives(sandbox, folder)) await delay(10);
}
