/** The programs inside the node. They outlive the process that started them; any later one can stop and start them. */
import { spawn } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { insideCommand, runInside, type Sandbox, systemPath } from "./sandbox.ts";

export interface Members {
  start(name: string, command: readonly string[]): void;
  /** Starts it again as it was started first. */
  restart(name: string): void;
  stop(name: string, signal?: "TERM" | "KILL"): Promise<void>;
  /** Undefined while it runs; else its name and the last lines that it printed. */
  ended(name: string): string | undefined;
  /** All that were ever started. */
  names(): readonly string[];
}

const patience = 15_000;

export function membersOf(folder: string, sandbox: Sandbox): Members {
  const file = (name: string, kind: string): string => join(folder, `${name}.${kind}`);
  const runs = (name: string): boolean => isRunning(readPid(file(name, "outer")));
  const start = (name: string, command: readonly string[]): void => {
    writeFileSync(file(name, "command"), JSON.stringify(command));
    const log = openSync(file(name, "log"), "a");
    // The shell tells the PID inside, which is the one that signals need.
    const told = ["sh", "-c", 'echo $$ > "$0"; exec "$@"', file(name, "pid"), ...command];
    const [program = "", ...args] = insideCommand(sandbox, told);
    const env = { PATH: systemPath, HOME: folder };
    const options = { detached: true, env, cwd: folder };
    const child = spawn(program, args, { ...options, stdio: ["ignore", log, log] });
    closeSync(log);
    if (child.pid === undefined) throw new Error("nsenter is missing: install util-linux");
    writeFileSync(file(name, "outer"), String(child.pid));
    child.unref();
  };
  return {
    start,
    restart: (name) =>
      start(name, JSON.parse(readFileSync(file(name, "command"), "utf8")) as string[]),
    async stop(name, signal = "TERM") {
      const inner = String(readPid(file(name, "pid")));
      const kill = (which: string): void => {
        if (runs(name)) runInside(sandbox, ["sh", "-c", `kill -${which} ${inner} || true`]);
      };
      kill(signal);
      const end = performance.now() + patience;
      while (runs(name)) {
        if (performance.now() > end) kill("KILL");
        await delay(20);
      }
    },
    ended(name) {
      if (runs(name)) return undefined;
      const lines = readFileSync(file(name, "log"), "utf8").trimEnd().split("\n").slice(-15);
      return `${name} ended:\n${lines.join("\n")}`;
    },
    names: () =>
      readdirSync(folder)
        .filter((one) => one.endsWith(".command"))
        .map((one) => one.slice(0, -".command".length)),
  };
}

function readPid(file: string): number {
  return Number(readFileSync(file, "utf8"));
}

/** A process that nobody has waited for yet has ended all the same. */
function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [, state] = /\) (\S)/.exec(stat) ?? [];
    return state !== "Z" && state !== "X";
  } catch {
    return false;
  }
}
