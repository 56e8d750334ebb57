/**
 * What a mesh has on this machine, in a directory per mesh. The kernel forgets namespaces and interfaces by itself when
 * the owner dies, and containers die with it; what can be left is this directory, and in the worst case a process.
 */
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ownProcessNumber } from "./process-number.ts";

/** A process, safe against a reused pid. */
export interface ProcessMark {
  /** As /proc shows it. */
  readonly pid: number;
  /** Clock ticks since boot, from /proc/PID/stat. */
  readonly startTime: string;
}

export interface MeshState {
  /** Private to the owner; also the place for the runner's socket, logs and prepared volumes. */
  readonly directory: string;
  /** Remembers a container, so that leftovers of it can be ended. */
  recordProcess(pid: number): void;
  forgetProcess(pid: number): void;
  /** Removes the directory. */
  close(): void;
}

/** The message is one sentence. */
export class MeshStateError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "MeshStateError";
  }
}

const ownerFile = "owner";
const processDirectory = "processes";
/** A killed process is gone within milliseconds unless the disk hangs. */
const endTimeout = 5_000;

/** `/run/remora` for root, else `$XDG_RUNTIME_DIR/remora`, or `/tmp/remora-UID`; inside a user namespace what it was outside. */
export function stateRoot(environment: Readonly<Record<string, string | undefined>>): string {
  const given = environment["REMORA_STATE_DIRECTORY"];
  if (given !== undefined) return given;
  const uid = process.getuid?.() ?? 0;
  if (uid === 0) return "/run/remora";
  const runtime = environment["XDG_RUNTIME_DIR"];
  return runtime === undefined ? `/tmp/remora-${uid}` : `${runtime}/remora`;
}

/** Claims the mesh's name for this process; throws a MeshStateError when another live process holds it. Leftovers are removed first. */
export async function openMeshState(root: string, mesh: string): Promise<MeshState> {
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(mesh)) {
    throw new MeshStateError(
      `"${mesh}" cannot name a mesh: use at most 63 small letters, digits and dashes`,
    );
  }
  mkdirSync(root, { recursive: true, mode: 0o700 });
  if (statSync(root).uid !== (process.getuid?.() ?? 0)) {
    throw new MeshStateError(`${root} belongs to another user; remove it`);
  }
  await removeLeftovers(root, mesh);
  const directory = join(root, mesh);
  mkdirSync(join(directory, processDirectory), { recursive: true, mode: 0o700 });
  claim(directory, mesh);
  return {
    directory,
    recordProcess(pid) {
      const mark = markProcess(pid);
      if (mark !== undefined) closeSync(openSync(fileOf(directory, mark), "w", 0o600));
    },
    forgetProcess(pid) {
      for (const name of listProcesses(directory)) {
        if (name.startsWith(`${pid}-`)) rmSync(join(directory, processDirectory, name));
      }
    },
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** The owner of a running mesh, or undefined when no live process holds it. */
export function findMeshOwner(root: string, mesh: string): ProcessMark | undefined {
  const [pid = "", startTime = ""] = readOr(join(root, mesh, ownerFile)).split("-");
  const mark = { pid: Number(pid), startTime };
  return pid !== "" && isAlive(mark) ? mark : undefined;
}

/** Meshes with a state directory, running or left over. */
export function listMeshes(root: string): string[] {
  try {
    return readdirSync(root).sort();
  } catch {
    return [];
  }
}

/** Ends what a dead mesh left (processes, files). Does nothing for a mesh whose owner lives. */
export async function removeLeftovers(root: string, mesh: string): Promise<void> {
  if (findMeshOwner(root, mesh) !== undefined) return;
  const directory = join(root, mesh);
  const marks = listProcesses(directory).map((name) => {
    const [pid = "", startTime = ""] = name.split("-");
    return { pid: Number(pid), startTime };
  });
  // Inside a user namespace the numbers are the host's, and nothing outlives its owner there.
  const numbersHold = ownProcessNumber() === process.pid;
  for (const mark of marks) if (numbersHold && isAlive(mark)) process.kill(mark.pid, "SIGKILL");
  const deadline = performance.now() + endTimeout;
  while (marks.some((mark) => isAlive(mark)) && performance.now() < deadline) await delay(5);
  rmSync(directory, { recursive: true, force: true });
}

/** Undefined for a process that has ended. */
export function markProcess(pid: number): ProcessMark | undefined {
  // proc_pid_stat(5): the name in parentheses may hold anything; state is field 3, starttime field 22.
  const [, rest = ""] = /^.*\) (.*)$/s.exec(readOr(`/proc/${pid}/stat`)) ?? [];
  const fields = rest.split(" ");
  const startTime = fields[19];
  if (startTime === undefined || fields[0] === "Z" || fields[0] === "X") return undefined;
  return { pid, startTime };
}

/** Whether the process of the mark still runs. */
export function isAlive(mark: ProcessMark): boolean {
  return markProcess(mark.pid)?.startTime === mark.startTime;
}

function claim(directory: string, mesh: string): void {
  const mark = markProcess(ownProcessNumber());
  try {
    const fd = openSync(join(directory, ownerFile), "wx", 0o600);
    writeSync(fd, `${mark?.pid ?? 0}-${mark?.startTime ?? ""}`);
    closeSync(fd);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new MeshStateError(
      `a mesh named ${mesh} runs already; choose another --name or end it with "remora down --name ${mesh}"`,
    );
  }
}

function fileOf(directory: string, mark: ProcessMark): string {
  return join(directory, processDirectory, `${mark.pid}-${mark.startTime}`);
}

function listProcesses(directory: string): string[] {
  try {
    return readdirSync(join(directory, processDirectory));
  } catch {
    return [];
  }
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
