/** Starts a program on one core inside a namespace, in such a way that it cannot outlive the bench. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";

/** How long a program has between SIGTERM and SIGKILL. */
const graceMillis = 2_000;
const keptOutput = 64 * 1024;

export interface LaunchOptions {
  readonly namespace: string;
  readonly core: number;
  readonly env?: Readonly<Record<string, string>>;
  /** The numeric user and group that it runs as; the bench's own when left out. */
  readonly user?: number;
  /** The same of the group alone. */
  readonly group?: number;
  /** A file for what it prints; the bench keeps it otherwise. */
  readonly stdout?: string;
}

export interface RunningProgram {
  /** The program's own: nsenter, setpriv and taskset replace themselves by it. */
  readonly pid: number;
  readonly name: string;
  /** On the clock of `process.hrtime`, which all processes of the machine share. */
  readonly startedAt: bigint;
  /** What it printed so far, the last 64 KB. */
  output(): string;
  alive(): boolean;
  readonly stdout: Promise<string>;
  readonly ended: Promise<number>;
  stop(): Promise<void>;
}

/** A program that ends by itself is noticed by whoever awaits `ended`. */
export function launch(
  name: string,
  command: readonly string[],
  options: LaunchOptions,
): RunningProgram {
  const { user, group = user } = options;
  const identity = [
    ...(user === undefined ? [] : [`--reuid=${user}`]),
    ...(group === undefined ? [] : [`--regid=${group}`, "--clear-groups"]),
  ];
  const argv = [
    `--net=/var/run/netns/${options.namespace}`,
    "setpriv",
    ...identity,
    "--pdeathsig",
    "KILL",
    "taskset",
    "--cpu-list",
    String(options.core),
    ...command,
  ];
  const startedAt = process.hrtime.bigint();
  const file = options.stdout === undefined ? undefined : openSync(options.stdout, "a");
  const child = spawn("nsenter", argv, {
    stdio: ["ignore", file ?? "pipe", "pipe"],
    env: { PATH: process.env["PATH"], ...options.env },
  });
  if (file !== undefined) closeSync(file);
  return watch(name, child, startedAt);
}

/** Runs a load generator or another program that ends by itself, and gives what it printed. */
export async function runInside(
  name: string,
  command: readonly string[],
  options: LaunchOptions,
): Promise<string> {
  const program = launch(name, command, options);
  const [code, stdout] = await Promise.all([program.ended, program.stdout]);
  if (code !== 0) throw new Error(`${name} ended with ${code}: ${program.output().trim()}`);
  return stdout;
}

function watch(name: string, child: ChildProcess, startedAt: bigint): RunningProgram {
  let printed = "";
  let out = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    out += text;
    printed = (printed + text).slice(-keptOutput);
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    printed = (printed + text).slice(-keptOutput);
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  });
  // Awaited by those who care; a proxy that fails to start is reported by the readiness check.
  ended.catch(() => {});
  const alive = () => child.exitCode === null && child.signalCode === null;
  return {
    pid: child.pid ?? 0,
    name,
    startedAt,
    output: () => printed,
    alive,
    stdout: ended.then(() => out),
    ended,
    stop: async () => {
      if (!alive()) return;
      const exit = once(child, "exit");
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), graceMillis);
      await exit;
      clearTimeout(timer);
    },
  };
}
