/** A program of a cluster that runs until it is stopped, its output in a file. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";

export interface DaemonCommand {
  readonly name: string;
  readonly command: readonly string[];
  /** Receives what the program prints; a second start appends. */
  readonly logFile: string;
}

export interface Daemon {
  readonly name: string;
  readonly pid: number;
  /** Undefined while it runs; else how it ended, with the last lines that it printed. */
  ended(): string | undefined;
  /** Ends it with `signal`, and with SIGKILL when that takes longer than `patience`. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** How long a program may take to end when asked; API servers finish requests first. */
const patience = 10_000;

/** The program dies with this process, however that ends: nothing of a killed test run stays. */
export function startDaemon({ name, command, logFile }: DaemonCommand): Daemon {
  const log = openSync(logFile, "a");
  const bound = ["setpriv", "--pdeathsig", "KILL", "--", ...command];
  const [file = "", ...args] = bound;
  const child = spawn(file, args, { stdio: ["ignore", log, log] });
  closeSync(log);
  let failure: string | undefined;
  child.once("error", (error) => (failure = error.message));
  return {
    name,
    pid: child.pid ?? 0,
    ended() {
      const reason = failure ?? child.signalCode ?? child.exitCode;
      return reason === null ? undefined : `${name} ended: ${reason}\n${lastLines(logFile)}`;
    },
    stop: (signal = "SIGTERM") => stopChild(child, signal),
  };
}

async function stopChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, "exit");
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), patience);
  await ended;
  clearTimeout(timer);
}

function lastLines(file: string): string {
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-15).join("\n");
}
