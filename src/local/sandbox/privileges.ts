/** Whether this process may make pods, and how. */
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { type Capability, capabilityMask } from "./capability.ts";

export type Privileges =
  /** Everything that `launch` and `createMeshNetwork` need is there. */
  | { readonly kind: "sufficient" }
  /** Not root, but `reexecInUserNamespace` should work. */
  | { readonly kind: "user-namespace" }
  /** One sentence that says what to install, switch on or run. */
  | { readonly kind: "insufficient"; readonly reason: string };

/** A block of ids in /etc/subuid or /etc/subgid. */
export interface IdRange {
  readonly start: number;
  readonly count: number;
}

/** Namespaces, links, mounts, other users, and reading what containers of other users have. */
const needed: readonly Capability[] = [
  "SYS_ADMIN",
  "NET_ADMIN",
  "SYS_CHROOT",
  "SETUID",
  "SETGID",
  "SETPCAP",
  "KILL",
  "CHOWN",
  "DAC_OVERRIDE",
];

/** The ids that pods may use: 15008 for sidecars, and whatever images run as, up to `nobody`. */
const neededIds = 65_535;

/** Looks without changing anything. */
export function detectPrivileges(): Privileges {
  if (findProgram("ip") === undefined) {
    return insufficient("the program ip is missing: install iproute2 (apt install iproute2)");
  }
  const missing = missingCapabilities();
  if (missing.length === 0) return { kind: "sufficient" };
  if (process.getuid?.() === 0) {
    return insufficient(
      `root lacks the capabilities ${missing.join(", ")} here: in a container, start it with --privileged`,
    );
  }
  const obstacle = findObstacle();
  return obstacle === undefined ? { kind: "user-namespace" } : insufficient(obstacle);
}

/** The first range of the user that is large enough, from the text of /etc/subuid or /etc/subgid. */
export function findIdRange(text: string, name: string, uid: number): IdRange | undefined {
  for (const line of text.split("\n")) {
    const [owner, start = "", count = ""] = line.trim().split(":");
    if (owner !== name && owner !== String(uid)) continue;
    if (Number(count) >= neededIds) return { start: Number(start), count: neededIds };
  }
  return undefined;
}

/** The user's ranges of subordinate ids, or undefined where one is missing. */
export function readIdRanges(): { readonly uids: IdRange; readonly gids: IdRange } | undefined {
  const uid = process.getuid?.() ?? 0;
  const username = userName();
  const uids = findIdRange(readOr("/etc/subuid"), username, uid);
  const gids = findIdRange(readOr("/etc/subgid"), username, uid);
  return uids === undefined || gids === undefined ? undefined : { uids, gids };
}

/** Looks where system programs are, also when they are not on the user's PATH. */
export function findProgram(name: string): string | undefined {
  const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin:/usr/bin:/bin`;
  for (const directory of path.split(":")) {
    const candidate = join(directory, name);
    try {
      if (directory === "") continue;
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not here; the next directory may have it.
    }
  }
  return undefined;
}

/** Why a user namespace would not work, or undefined. */
function findObstacle(): string | undefined {
  if (readSwitch("kernel/unprivileged_userns_clone") === "0") {
    return "user namespaces are switched off: run as root, or sudo sysctl kernel.unprivileged_userns_clone=1";
  }
  if (!existsSync("/proc/self/ns/user") || readSwitch("user/max_user_namespaces") === "0") {
    return "this kernel allows no user namespaces: run as root, or sudo sysctl user.max_user_namespaces=10000";
  }
  if (readSwitch("kernel/apparmor_restrict_unprivileged_userns") === "1") {
    return "AppArmor restricts user namespaces: run as root, or sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0";
  }
  if (findProgram("unshare") === undefined || findProgram("setpriv") === undefined) {
    return "the programs unshare and setpriv are missing: run as root, or install util-linux (apt install util-linux)";
  }
  if (findProgram("newuidmap") === undefined || findProgram("newgidmap") === undefined) {
    return "the programs newuidmap and newgidmap are missing: run as root, or install uidmap (apt install uidmap)";
  }
  if (readIdRanges() === undefined) {
    const username = userName();
    return `${username} has no ${neededIds} subordinate ids: run as root, or sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${username}`;
  }
  return undefined;
}

/** A uid need not have a name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 0);
  }
}

function missingCapabilities(): readonly Capability[] {
  const [, hex = "0"] = /^CapEff:\s+([0-9a-f]+)/m.exec(readOr("/proc/self/status")) ?? [];
  const effective = BigInt(`0x${hex}`);
  return needed.filter((name) => (effective & capabilityMask([name])) === 0n);
}

function insufficient(reason: string): Privileges {
  return { kind: "insufficient", reason };
}

function readSwitch(name: string): string {
  return readOr(`/proc/sys/${name}`).trim();
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
