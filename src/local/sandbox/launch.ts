/** Starts commands in containers: a process with its own view of files, processes and network. */
import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { closeSync, fchownSync, openSync, readFileSync } from "node:fs";
import { Socket } from "node:net";
import { constants } from "node:os";
import type { Duplex, Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { CommandSpec, ExitStatus, LaunchSpec } from "./launch-spec.ts";
import type { LauncherFailure, LauncherOrder } from "./launcher.ts";
import { inNetworkNamespace } from "./namespace.ts";
import { processNumberOf } from "./process-number.ts";
import { createPipe, setNamespace, unshare } from "./syscalls.ts";

/** A running container. It dies when the process that launched it dies, however that happens. */
export interface ContainerProcess {
  /** As /proc shows it; in the container it is 1. */
  readonly pid: number;
  /** Only with `stdin: "pipe"`. */
  readonly stdin: Writable | undefined;
  /** Undefined with `output: "inherit"`. */
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** Fulfilled when the command itself runs; rejected with a LaunchError of one sentence when it never did. */
  readonly started: Promise<void>;
  /** Fulfilled when the process has ended and its output was read; never rejected. */
  readonly exited: Promise<ExitStatus>;
  /**
   * Signals the command, which is told nothing that the kernel would keep from the first process of a container: a
   * signal that it does not handle ends it as it would outside. SIGKILL ends everything in the container. False when
   * the command has ended already.
   */
  kill(signal: NodeJS.Signals): boolean;
}

/** The message is one sentence for a person. */
export class LaunchError extends Error {
  /** 127: no such command; 126: it cannot be executed; 125: the container could not be set up. */
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.name = "LaunchError";
    this.code = code;
  }
}

/** Starts a container; returns at once. */
export function launch(spec: LaunchSpec): ContainerProcess {
  const container = {
    hostname: spec.hostname,
    mounts: spec.mounts,
    readOnlyRoot: spec.readOnlyRoot ?? false,
  };
  const launched = inNetworkNamespace(spec.network?.namespace, () =>
    inNewProcessNamespace(() => spawnLauncher(spec, [])),
  );
  return superviseLauncher(launched, spec, container, spec.name);
}

/** Runs one more command inside a running container, given by its pid: its network, files and processes. */
export function exec(container: number, spec: CommandSpec): ContainerProcess {
  const open = (kind: string) => openSync(`/proc/${container}/ns/${kind}`, "r");
  const descriptors: number[] = [];
  try {
    for (const kind of ["mnt", "uts", "ipc", "net", "pid"]) descriptors.push(open(kind));
    const [mount = -1, uts = -1, ipc = -1, network = -1, pid = -1] = descriptors;
    const launched = inNetworkNamespace({ fd: network, inode: 0 }, () =>
      inProcessNamespace(pid, () => spawnLauncher(spec, [mount, uts, ipc])),
    );
    return superviseLauncher(launched, spec, undefined, spec.command[0] ?? "");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new LaunchError(125, `the container with process ${container} has ended`);
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
}

/** The launcher beside this file's bundle, or its source. */
function launcherPath(): string {
  const source = import.meta.url.endsWith(".ts");
  return fileURLToPath(
    new URL(source ? "../../bin/launcher.ts" : "./launcher.js", import.meta.url),
  );
}

interface Launched {
  readonly child: ChildProcess;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
}

function spawnLauncher(spec: CommandSpec, inherited: readonly number[]): Launched {
  const stdin = spec.stdin === "pipe" || spec.stdin === "inherit" ? spec.stdin : "ignore";
  const flags = ["--disable-warning=ExperimentalWarning", "--v8-pool-size=0"];
  const start = (stdout: number | "inherit", stderr: number | "inherit") => {
    const stdio: StdioOptions = [stdin, stdout, stderr, "pipe", ...inherited];
    // A group of its own: the terminal's Ctrl-C is for the mesh, which then ends its containers in order.
    const detached = spec.output !== "inherit";
    return spawn(process.execPath, [...flags, launcherPath()], { stdio, env: {}, detached });
  };
  if (spec.output === "inherit") {
    return { child: start("inherit", "inherit"), stdout: undefined, stderr: undefined };
  }
  const stdout = openOutput(spec);
  const stderr = openOutput(spec);
  try {
    const child = start(stdout.writeEnd, stderr.writeEnd);
    return { child, stdout: stdout.reader, stderr: stderr.reader };
  } finally {
    closeSync(stdout.writeEnd);
    closeSync(stderr.writeEnd);
  }
}

/** A pipe, where Node would make a socket: programs open /dev/stdout anew, which a socket refuses, as does a pipe of another user. */
function openOutput(spec: CommandSpec): { readonly writeEnd: number; readonly reader: Readable } {
  const [readEnd, writeEnd] = createPipe();
  fchownSync(writeEnd, spec.user.uid, spec.user.gid);
  return { writeEnd, reader: new Socket({ fd: readEnd, readable: true, writable: false }) };
}

function superviseLauncher(
  { child, stdout, stderr }: Launched,
  spec: CommandSpec,
  container: LauncherOrder["container"],
  name: string,
): ContainerProcess {
  const order: LauncherOrder = {
    container,
    command: spec.command,
    env: spec.env,
    workingDir: spec.workingDir ?? "/",
    user: spec.user,
    capabilities: spec.capabilities,
    noNewPrivileges: spec.noNewPrivileges ?? true,
  };
  const pid = child.pid === undefined ? -1 : processNumberOf(child.pid);
  const exited = awaitExit(child, [stdout, stderr]);
  let asked: NodeJS.Signals | undefined;
  let running = false;
  const started = giveOrder(child, order, name, exited).then(() => {
    running = true;
  });
  // Whoever cares asks; a failed start is also told by the exit code.
  started.catch(() => undefined);
  return {
    pid,
    stdin: child.stdin ?? undefined,
    stdout,
    stderr,
    started,
    exited: exited.then((status) =>
      status.signal === "SIGKILL" && asked !== undefined ? signalled(asked) : status,
    ),
    kill(signal) {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
        return false;
      }
      if (running && !wouldBeLost(pid, signal)) return child.kill(signal);
      asked = signal;
      return child.kill("SIGKILL");
    },
  };
}

/** Writes the order, and waits for the descriptor to be closed by a successful execve. */
async function giveOrder(
  child: ChildProcess,
  order: LauncherOrder,
  name: string,
  exited: Promise<ExitStatus>,
): Promise<void> {
  if (child.pid === undefined) {
    const status = await exited;
    throw new LaunchError(125, `${name}: cannot start a process (exit code ${status.code})`);
  }
  const channel = child.stdio[3] as Duplex;
  const chunks: Buffer[] = [];
  const answered = new Promise<void>((resolve) => {
    channel.on("data", (chunk: Buffer) => chunks.push(chunk));
    channel.on("error", () => resolve());
    channel.on("close", () => resolve());
  });
  channel.end(JSON.stringify(order));
  await answered;
  const answer = Buffer.concat(chunks).toString();
  if (answer !== "") {
    const failure = JSON.parse(answer) as LauncherFailure;
    throw new LaunchError(failure.code, `${name}: ${failure.message}`);
  }
  // A launcher that was killed also closes the descriptor: then the exit is already there, or comes at once.
  if (child.signalCode !== null) throw new LaunchError(125, `${name}: ended before it started`);
}

function awaitExit(
  child: ChildProcess,
  outputs: readonly (Readable | undefined)[],
): Promise<ExitStatus> {
  const closed = outputs.flatMap((output) => (output === undefined ? [] : [awaitClose(output)]));
  return new Promise((resolve) => {
    const finish = (status: ExitStatus) => {
      // What nobody reads must not keep the news back.
      for (const output of outputs) if (output?.readableFlowing === null) output.resume();
      void Promise.all(closed).then(() => resolve(status));
    };
    child.on("error", () => finish({ code: 125, signal: undefined }));
    child.on("exit", (code, signal) =>
      finish(signal === null ? { code: code ?? 0, signal: undefined } : signalled(signal)),
    );
  });
}

function awaitClose(output: Readable): Promise<void> {
  return new Promise((resolve) => {
    output.on("error", () => undefined);
    output.on("close", () => resolve());
  });
}

function signalled(signal: NodeJS.Signals): ExitStatus {
  return { code: 128 + constants.signals[signal], signal };
}

/** Signals whose default action does not end a process. */
const harmless: ReadonlySet<NodeJS.Signals> = new Set([
  "SIGCHLD",
  "SIGCONT",
  "SIGURG",
  "SIGWINCH",
  "SIGSTOP",
  "SIGTSTP",
  "SIGTTIN",
  "SIGTTOU",
]);

/** The kernel keeps from the first process of a container all signals that it has no handler for (pid_namespaces(7)). */
function wouldBeLost(pid: number, signal: NodeJS.Signals): boolean {
  if (signal === "SIGKILL" || harmless.has(signal)) return false;
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const bit = 1n << BigInt(constants.signals[signal] - 1);
    const mask = (field: string) =>
      BigInt(`0x${new RegExp(`^${field}:\\s+([0-9a-f]+)`, "m").exec(status)?.[1] ?? "0"}`);
    return ((mask("SigCgt") | mask("SigIgn")) & bit) === 0n;
  } catch {
    return false;
  }
}

function inNewProcessNamespace<T>(act: () => T): T {
  const own = openSync("/proc/thread-self/ns/pid", "r");
  try {
    unshare("pid");
    return act();
  } finally {
    setNamespace(own, "pid");
    closeSync(own);
  }
}

function inProcessNamespace<T>(fd: number, act: () => T): T {
  const own = openSync("/proc/thread-self/ns/pid", "r");
  try {
    setNamespace(fd, "pid");
    return act();
  } finally {
    setNamespace(own, "pid");
    closeSync(own);
  }
}
