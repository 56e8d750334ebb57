/**
 * The system calls that make a container, through node:ffi. Namespaces, mounts and credentials change for the calling
 * thread; Node runs JavaScript on the main thread, from which children are started and which survives execve.
 */
import { dlopen, getRawPointer, toBuffer } from "node:ffi";
import { SystemCallError } from "../../core/ffi/socket-calls.ts";

/** linux/sched.h CLONE_*, for `unshare` and `setNamespace`. */
export const namespaceFlags = {
  mount: 0x0002_0000,
  uts: 0x0400_0000,
  ipc: 0x0800_0000,
  pid: 0x2000_0000,
  network: 0x4000_0000,
} as const;
export type NamespaceKind = keyof typeof namespaceFlags;

/** linux/mount.h MS_*. */
export const mountFlags = {
  readOnly: 1,
  noSuid: 2,
  noDev: 4,
  noExec: 8,
  bind: 4_096,
  recursive: 16_384,
  private: 0x4_0000,
} as const;

const CLONE_FS = 0x200;
const SIGPIPE = 13;
const SIGXFSZ = 25;
const MNT_DETACH = 2;
const MOUNT_ATTR_RDONLY = 1;
const AT_FDCWD = -100;
const AT_RECURSIVE = 0x8000;
const CLOSE_RANGE_CLOEXEC = 4;
const F_SETFD = 2;
const O_CLOEXEC = 0o2000000;
const PR_SET_PDEATHSIG = 1;
const PR_SET_KEEPCAPS = 8;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_RAISE = 2;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
const LINUX_CAPABILITY_VERSION_3 = 0x2008_0522;
/** Numbers that libc has no function for; from 424 on all machines have the same. */
const SYS_pivot_root = process.arch === "arm64" ? 41 : 155;
const SYS_close_range = 436;
const SYS_mount_setattr = 442;

/** Moves the calling thread into new namespaces. With `pid`, only children that it starts from now on are in it. */
export function unshare(...kinds: readonly NamespaceKind[]): void {
  check("unshare", libc().unshare(kinds.reduce((flags, kind) => flags | namespaceFlags[kind], 0)));
}

/** Moves the calling thread into the namespace behind a descriptor of /proc/PID/ns/KIND. */
export function setNamespace(fd: number, kind: NamespaceKind): void {
  // The kernel refuses a mount namespace to a thread that shares its working directory with others.
  if (kind === "mount") check("unshare", libc().unshare(CLONE_FS));
  check(`setns(${kind})`, libc().setns(fd, namespaceFlags[kind]));
}

/** mount(2); `flags` is the sum of `mountFlags`. */
export function mount(
  source: string,
  target: string,
  type: string,
  flags: number,
  options: string,
): void {
  const result = libc().mount(text(source), text(target), text(type), BigInt(flags), text(options));
  check(`mount ${type} on ${target}`, result);
}

/** Makes a mount, and all below it when `recursive`, read-only. */
export function makeReadOnly(target: string, recursive: boolean): void {
  const attributes = Buffer.alloc(32);
  attributes.writeBigUInt64LE(BigInt(MOUNT_ATTR_RDONLY), 0);
  const flags = recursive ? AT_RECURSIVE : 0;
  check(
    `mount_setattr ${target}`,
    call(SYS_mount_setattr, AT_FDCWD, text(target), flags, attributes, attributes.length),
  );
}

/** Puts `newRoot` in the place of `/`; the old root is then mounted on `oldRoot`, a directory below the new one. */
export function pivotRoot(newRoot: string, oldRoot: string): void {
  check(`pivot_root ${newRoot}`, call(SYS_pivot_root, text(newRoot), text(oldRoot)));
}

/** Takes a mount and all below it out of the tree, also while it is in use. */
export function detachMount(target: string): void {
  check(`umount ${target}`, libc().umount2(text(target), MNT_DETACH));
}

export function setHostname(name: string): void {
  const bytes = Buffer.from(name);
  check("sethostname", libc().sethostname(bytes, BigInt(bytes.length)));
}

/** The kernel kills this process as soon as the thread that started it ends. A change of uid or gid forgets it. */
export function dieWithParent(signal: number): void {
  check("prctl(PDEATHSIG)", prctl(PR_SET_PDEATHSIG, signal));
}

/** From now on no program that is executed gives more privileges. */
export function forbidNewPrivileges(): void {
  check("prctl(NO_NEW_PRIVS)", prctl(PR_SET_NO_NEW_PRIVS, 1));
}

/** Capabilities outlive the next change of uid. */
export function keepCapabilities(): void {
  check("prctl(KEEPCAPS)", prctl(PR_SET_KEEPCAPS, 1));
}

/** No process after this one gets the capability; false when the kernel does not know it. */
export function dropFromBoundingSet(capability: number): boolean {
  return prctl(PR_CAPBSET_DROP, capability) === 0;
}

/** Permitted, effective and inheritable capabilities become exactly the mask. */
export function setCapabilities(mask: bigint): void {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(LINUX_CAPABILITY_VERSION_3);
  const data = Buffer.alloc(24);
  for (const [index, half] of [mask & 0xffff_ffffn, mask >> 32n].entries()) {
    for (const field of [0, 4, 8]) data.writeUInt32LE(Number(half), index * 12 + field);
  }
  check("capset", libc().capset(header, data));
}

/** Ambient capabilities pass execve for users other than root. They must be permitted and inheritable. */
export function setAmbientCapabilities(capabilities: readonly number[]): void {
  check("prctl(AMBIENT)", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL));
  for (const capability of capabilities) {
    check("prctl(AMBIENT)", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability));
  }
}

/** Groups first: afterwards the right to change them is gone. */
export function setIdentity(uid: number, gid: number, groups: readonly number[]): void {
  const list = Buffer.from(Uint32Array.from(groups).buffer);
  check("setgroups", libc().setgroups(BigInt(groups.length), list));
  check("setresgid", libc().setresgid(gid, gid, gid));
  check("setresuid", libc().setresuid(uid, uid, uid));
}

/** The next program inherits the standard streams (Node marks even those at its start) and nothing else. */
export function keepStandardStreams(): void {
  check("close_range", call(SYS_close_range, 3, 0xffff_ffff, CLOSE_RANGE_CLOEXEC));
  for (const fd of [0, 1, 2]) check("fcntl", libc().fcntl(fd, F_SETFD, 0));
}

/** Node ignores two signals, and what is ignored stays so in the next program. */
export function restoreSignals(): void {
  for (const signal of [SIGPIPE, SIGXFSZ]) libc().signal(signal, null);
}

/** Becomes another program. Returns only when that failed, with the errno. */
export function execute(
  path: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): number {
  const arguments_ = pointerArray(argv);
  const variables = pointerArray(Object.entries(env).map(([name, value]) => `${name}=${value}`));
  libc().execve(text(path), arguments_.pointers, variables.pointers);
  return errno();
}

/** Read end and write end, which no other program inherits unless it is given them. */
export function createPipe(): readonly [number, number] {
  const ends = new Int32Array(2);
  check("pipe", libc().pipe2(ends, O_CLOEXEC));
  return [ends[0] ?? -1, ends[1] ?? -1];
}

function prctl(option: number, second: number, third = 0): number {
  return libc().prctl(option, BigInt(second), BigInt(third), 0n, 0n);
}

type Word = number | Uint8Array;

function call(number: number, ...words: readonly Word[]): bigint {
  const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n] = words.map((word) =>
    typeof word === "number" ? BigInt.asUintN(64, BigInt(word)) : getRawPointer(word),
  );
  return libc().syscall(BigInt(number), a, b, c, d, e, 0n);
}

function check(what: string, result: number | bigint): void {
  if (result < 0) throw new SystemCallError(what, errno());
}

/** A C string. */
function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

/** A `char *[]` with its null at the end; the strings must be held as long as the array. */
function pointerArray(values: readonly string[]): { pointers: Buffer; strings: Buffer[] } {
  const strings = values.map((value) => text(value));
  const pointers = Buffer.alloc((strings.length + 1) * 8);
  for (const [index, string] of strings.entries()) {
    pointers.writeBigUInt64LE(getRawPointer(string), index * 8);
  }
  return { pointers, strings };
}

let loaded: ReturnType<typeof load> | undefined;

function libc() {
  loaded ??= load();
  return loaded.functions;
}

function errno(): number {
  loaded ??= load();
  return loaded.location.readInt32LE(0);
}

function load() {
  const { functions } = dlopen(null, {
    unshare: { return: "i32", arguments: ["i32"] },
    setns: { return: "i32", arguments: ["i32", "i32"] },
    mount: { return: "i32", arguments: ["pointer", "pointer", "pointer", "u64", "pointer"] },
    umount2: { return: "i32", arguments: ["pointer", "i32"] },
    sethostname: { return: "i32", arguments: ["pointer", "u64"] },
    prctl: { return: "i32", arguments: ["i32", "u64", "u64", "u64", "u64"] },
    capset: { return: "i32", arguments: ["pointer", "pointer"] },
    setgroups: { return: "i32", arguments: ["u64", "pointer"] },
    setresgid: { return: "i32", arguments: ["u32", "u32", "u32"] },
    setresuid: { return: "i32", arguments: ["u32", "u32", "u32"] },
    signal: { return: "pointer", arguments: ["i32", "pointer"] },
    execve: { return: "i32", arguments: ["pointer", "pointer", "pointer"] },
    fcntl: { return: "i32", arguments: ["i32", "i32", "i32"] },
    pipe2: { return: "i32", arguments: ["pointer", "i32"] },
    syscall: { return: "i64", arguments: ["i64", "u64", "u64", "u64", "u64", "u64", "u64"] },
    __errno_location: { return: "pointer", arguments: [] },
  });
  // errno of the main thread, seen in place: reading it makes no call that could change it.
  return { functions, location: toBuffer(functions.__errno_location(), 4, false) };
}
