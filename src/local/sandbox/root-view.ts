/**
 * A container's view of files: every directory of the host's root with a private layer on top that takes all writes, so
 * that mount targets can be made and nothing of the host is changed. `/tmp`, `/run`, `/dev/shm` and `/proc` are its own.
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  type Dirent,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { SystemCallError } from "../../core/ffi/socket-calls.ts";
import type { Mount } from "./launch-spec.ts";
import { listMountPoints, outermostBelow } from "./mount-points.ts";
import { prepareTarget } from "./mount-target.ts";
import {
  detachMount,
  mountFlags as flags,
  makeReadOnly,
  mount,
  pivotRoot,
  unshare,
} from "./syscalls.ts";

export interface RootViewConfig {
  readonly mounts: readonly Mount[];
  readonly readOnlyRoot: boolean;
}

/** Every host has /tmp, and the container gets another one: the place to build the view in. */
const staging = "/tmp";
const root = `${staging}/root`;
const oldRoot = "/.host";
/** Each container has its own. */
const privatePlaces: ReadonlySet<string> = new Set(["/tmp", "/run", "/proc"]);
/** The kernel's, not a disk's: they need no layer. */
const sharedPlaces: ReadonlySet<string> = new Set(["/dev", "/sys"]);
const O_PATH = 0o10000000;

/** Gives this process a mount namespace with the view, and moves it to `/`. */
export function enterRootView(config: RootViewConfig): void {
  unshare("mount");
  mount("none", "/", "", flags.recursive | flags.private, "");
  const places = listMountPoints(readFileSync("/proc/self/mountinfo", "utf8"));
  // Opened before /tmp is covered: sources may be there.
  const sources = config.mounts.map((entry) => openSource(entry));
  const entries = readdirSync("/", { withFileTypes: true });
  mount("tmpfs", staging, "tmpfs", 0, "mode=0755");
  mkdirSync(root, { mode: 0o755 });
  mount("tmpfs", root, "tmpfs", 0, "mode=0755");
  for (const entry of entries) carryOver(entry, places);
  mountProcesses();
  mkdirSync(root + oldRoot);
  pivotRoot(root, root + oldRoot);
  process.chdir("/");
  mountPrivatePlaces();
  for (const [index, entry] of config.mounts.entries()) addMount(entry, sources[index]);
  detachMount(oldRoot);
  rmdirSync(oldRoot);
  if (config.readOnlyRoot) lockRoot(entries);
}

/** One entry of the host's root directory. */
function carryOver(entry: Dirent, places: readonly string[]): void {
  const path = `/${entry.name}`;
  if (entry.isSymbolicLink()) {
    symlinkSync(readlinkSync(path), root + path);
  } else if (!entry.isDirectory()) {
    writeFileSync(root + path, "");
    bindReadOnly(path);
  } else {
    mkdirSync(root + path, { mode: 0o755 });
    if (sharedPlaces.has(path)) mount(path, root + path, "", flags.bind | flags.recursive, "");
    else if (!privatePlaces.has(path)) addLayer(path, places);
  }
}

/** What is mounted inside comes along for reading. */
function addLayer(path: string, places: readonly string[]): void {
  const [upper, work] = [`${staging}/upper${path}`, `${staging}/work${path}`];
  for (const directory of [upper, work]) mkdirSync(directory, { recursive: true, mode: 0o755 });
  copyPermissions(path, upper);
  try {
    const layers = `lowerdir=${path},upperdir=${upper},workdir=${work}`;
    mount("overlay", root + path, "overlay", 0, layers);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    // In a user namespace no layer may hide what is mounted inside; some file systems take no layer.
    bindReadOnly(path);
    return;
  }
  for (const place of outermostBelow(path, places)) bindReadOnly(place);
}

/** The upper directory's mode and owner are what is seen: a locked home must stay locked. */
function copyPermissions(from: string, to: string): void {
  const { mode, uid, gid } = statSync(from);
  chmodSync(to, mode & 0o7777);
  try {
    chownSync(to, uid, gid);
  } catch {
    // The owner does not exist in this user namespace: it stays root's.
  }
}

/** A mount point that another mount hides is not part of the view. */
function bindReadOnly(path: string): void {
  if (!existsSync(path) || !existsSync(root + path)) return;
  mount(path, root + path, "", flags.bind | flags.recursive, "");
  makeReadOnly(root + path, true);
}

/** Own processes only. Where a container runtime has masked /proc, the kernel refuses a new one; then the old one serves. */
function mountProcesses(): void {
  try {
    mount("proc", `${root}/proc`, "proc", flags.noSuid | flags.noDev | flags.noExec, "");
  } catch (error) {
    if (!(error instanceof SystemCallError) || error.code !== "EPERM") throw error;
    mount("/proc", `${root}/proc`, "", flags.bind | flags.recursive, "");
  }
}

function mountPrivatePlaces(): void {
  const empty = flags.noSuid | flags.noDev;
  mount("tmpfs", "/tmp", "tmpfs", empty, "mode=1777");
  if (existsSync("/run")) mount("tmpfs", "/run", "tmpfs", empty, "mode=0755");
  if (existsSync("/dev/shm")) mount("tmpfs", "/dev/shm", "tmpfs", empty, "mode=1777");
  // Root without capabilities still owns the kernel's switches.
  for (const place of ["/sys", "/proc/sys"]) {
    if (!existsSync(place)) continue;
    mount(place, place, "", flags.bind | flags.recursive, "");
    makeReadOnly(place, true);
  }
}

/** `readOnlyRootFilesystem`: the layers, but not the mounts of the spec. */
function lockRoot(entries: readonly Dirent[]): void {
  makeReadOnly("/", false);
  for (const entry of entries) {
    const path = `/${entry.name}`;
    if (entry.isDirectory() && !privatePlaces.has(path) && !sharedPlaces.has(path)) {
      lockLayer(path);
    }
  }
}

function lockLayer(path: string): void {
  try {
    makeReadOnly(path, false);
  } catch (error) {
    // EINVAL: nothing is mounted exactly here; it is part of the root that is locked already.
    if (!(error instanceof SystemCallError) || error.code !== "EINVAL") throw error;
  }
}

/** A descriptor that names the source, whatever is mounted over its path later. */
function openSource(entry: Mount): number | undefined {
  if (entry.kind === "tmpfs") return undefined;
  try {
    return openSync(entry.source, O_PATH);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`${entry.source}, to be mounted on ${entry.target}: ${code}`, { cause: error });
  }
}

function addMount(entry: Mount, source: number | undefined): void {
  if (entry.kind === "tmpfs" || source === undefined) {
    const options = [`mode=${((entry.kind === "tmpfs" && entry.mode) || 0o1777).toString(8)}`];
    if (entry.kind === "tmpfs" && entry.size !== undefined) options.push(`size=${entry.size}`);
    const target = prepareTarget(entry.target, true);
    mount("tmpfs", target, "tmpfs", flags.noSuid | flags.noDev, options.join(","));
    return;
  }
  const handle = join("/proc/self/fd", String(source));
  const target = prepareTarget(entry.target, statSync(handle).isDirectory());
  mount(handle, target, "", flags.bind | flags.recursive, "");
  if (entry.readOnly) makeReadOnly(target, true);
  closeSync(source);
}
