/**
 * A container's view of files: the host's file system with a private layer on top that takes all writes, so that mount
 * targets can be made and nothing of the host is changed. `/tmp`, `/run`, `/dev/shm` and `/proc` are its own.
 */
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { SystemCallError } from "../../core/ffi/socket-calls.ts";
import type { Mount } from "./launch-spec.ts";
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
/** Not carried over: each container has its own, or must not see the host's. */
const privatePlaces: readonly string[] = ["/tmp", "/run", "/proc"];
const O_PATH = 0o10000000;

/** Gives this process a mount namespace with the view, and moves it to `/`. */
export function enterRootView(config: RootViewConfig): void {
  unshare("mount");
  mount("none", "/", "", flags.recursive | flags.private, "");
  const submounts = listSubmounts(readFileSync("/proc/self/mountinfo", "utf8"));
  // Opened before /tmp is covered: sources may be there.
  const sources = config.mounts.map((entry) => openSource(entry));
  mount("tmpfs", staging, "tmpfs", 0, "mode=0755");
  mountLayers();
  for (const place of submounts) bindTree(place, root + place);
  mountProcesses();
  mkdirSync(root + oldRoot);
  pivotRoot(root, root + oldRoot);
  process.chdir("/");
  mountPrivatePlaces();
  for (const [index, entry] of config.mounts.entries()) addMount(entry, sources[index]);
  detachMount(oldRoot);
  rmdirSync(oldRoot);
  if (config.readOnlyRoot) makeReadOnly("/", false);
}

/**
 * The mount points to carry over, from the text of /proc/self/mountinfo: those that are not inside another one (a
 * recursive bind brings those), nor in a private place.
 */
export function listSubmounts(mountinfo: string): readonly string[] {
  const places = mountinfo
    .split("\n")
    .flatMap((line) => line.split(" ")[4] ?? [])
    .map((place) =>
      place.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      ),
    )
    .filter((place) => place !== "/")
    .sort();
  const kept: string[] = [];
  for (const place of places) {
    const inside = (outer: string) => place === outer || place.startsWith(`${outer}/`);
    if (!privatePlaces.some(inside) && !kept.some(inside)) kept.push(place);
  }
  return kept;
}

function mountLayers(): void {
  for (const name of ["root", "upper", "work"]) mkdirSync(`${staging}/${name}`, { mode: 0o755 });
  const layers = `lowerdir=/,upperdir=${staging}/upper,workdir=${staging}/work`;
  mount("overlay", root, "overlay", 0, layers);
}

/** A mount point that another mount hides, or that the layer below does not have, is not part of the view. */
function bindTree(source: string, target: string): void {
  if (existsSync(source) && existsSync(target)) {
    mount(source, target, "", flags.bind | flags.recursive, "");
  }
}

/** Own processes only. Where a container runtime has masked /proc, the kernel refuses a new one; then the old one serves. */
function mountProcesses(): void {
  try {
    mount("proc", `${root}/proc`, "proc", flags.noSuid | flags.noDev | flags.noExec, "");
  } catch (error) {
    if (!(error instanceof SystemCallError) || error.code !== "EPERM") throw error;
    bindTree("/proc", `${root}/proc`);
  }
}

function mountPrivatePlaces(): void {
  mount("tmpfs", "/tmp", "tmpfs", flags.noSuid | flags.noDev, "mode=1777");
  if (existsSync("/run")) {
    mount("tmpfs", "/run", "tmpfs", flags.noSuid | flags.noDev, "mode=0755");
  }
  if (existsSync("/dev/shm")) {
    mount("tmpfs", "/dev/shm", "tmpfs", flags.noSuid | flags.noDev, "mode=1777");
  }
  // Root without capabilities still owns the kernel's switches.
  for (const place of ["/sys", "/proc/sys"]) {
    if (!existsSync(place)) continue;
    mount(place, place, "", flags.bind | flags.recursive, "");
    makeReadOnly(place, true);
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
  if (source === undefined || entry.kind === "tmpfs") {
    const target = prepareTarget(entry.target, true);
    const options = [`mode=${((entry.kind === "tmpfs" && entry.mode) || 0o1777).toString(8)}`];
    if (entry.kind === "tmpfs" && entry.size !== undefined) options.push(`size=${entry.size}`);
    mount("tmpfs", target, "tmpfs", flags.noSuid | flags.noDev, options.join(","));
    return;
  }
  const handle = `/proc/self/fd/${source}`;
  const target = prepareTarget(entry.target, statSync(handle).isDirectory());
  mount(handle, target, "", flags.bind | flags.recursive, "");
  if (entry.readOnly) makeReadOnly(target, true);
  closeSync(source);
}

/** Makes the place for a mount, and gives its path without symbolic links. */
function prepareTarget(path: string, directory: boolean): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const target = join(realpathSync(dirname(path)), basename(path));
  const found = lstatSync(target, { throwIfNoEntry: false });
  // A link such as /etc/resolv.conf points into what is private now: it gives way.
  if (found?.isSymbolicLink() === true) {
    if (existsSync(target) && statSync(target).isDirectory() === directory && directory) {
      return realpathSync(target);
    }
    unlinkSync(target);
  } else if (found !== undefined) {
    return target;
  }
  if (directory) mkdirSync(target, { mode: 0o755 });
  else writeFileSync(target, "");
  return target;
}
