/**
 * Runs this program again as root of a user namespace, for people who are not root. Node has threads from its start, and
 * the kernel gives new user namespaces only to programs without: so util-linux's `unshare` makes it.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import type { Duplex } from "node:stream";
import { findProgram, type IdRange, readIdRanges } from "./privileges.ts";
import { stateRoot } from "./state.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** In the environment of the inner program. */
export const insideMarker = "REMORA_USER_NAMESPACE";

/** Containers get process namespaces of their own, which only the owner of the one around them may make. */
const namespaces = ["--user", "--net", "--mount", "--pid", "--fork", "--kill-child"];
/**
 * Says that the namespaces exist, waits for the ids to be mapped, and becomes the program. The kernel forgets to whose
 * death a process is tied when it gains capabilities, which the first program after the mapping does: `setpriv` ties
 * it anew.
 */
const script = `echo ready >&3; read -r word <&3 && exec 3>&- && exec setpriv --pdeathsig KILL "$@"`;

/**
 * Runs the current program (same arguments) in new user, network, mount and process namespaces, where it is uid 0 with all
 * capabilities and has the user's subordinate ids, hands it the terminal and signals, and gives its exit code. There
 * `detectPrivileges()` says `sufficient`. The inner program dies with this one. Rejects with one sentence.
 */
export async function reexecInUserNamespace(environment: Environment): Promise<number> {
  const ranges = readIdRanges();
  const probe = spawnSync(findProgram("unshare") ?? "unshare", [...namespaces, "true"]);
  if (environment[insideMarker] !== undefined || ranges === undefined || probe.status !== 0) {
    throw new Error("this machine gives no privileges in a user namespace: run as root");
  }
  const child = spawnInner(environment);
  const exited = awaitExit(child);
  const channel = child.stdio[3] as Duplex;
  const stopForwarding = forwardSignals(child);
  try {
    const ready = once(channel, "data").then(() => true);
    if (!(await Promise.race([ready, exited.then(() => false)]))) return await exited;
    mapIds("newuidmap", child.pid, process.getuid?.() ?? 0, ranges.uids);
    mapIds("newgidmap", child.pid, process.getgid?.() ?? 0, ranges.gids);
    channel.write("go\n");
    return await exited;
  } finally {
    // Closed without a word it ends the child.
    channel.destroy();
    stopForwarding();
  }
}

function spawnInner(environment: Environment): ChildProcess {
  const program = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  return spawn(
    findProgram("setpriv") ?? "setpriv",
    [
      "--pdeathsig",
      "KILL",
      findProgram("unshare") ?? "unshare",
      ...namespaces,
      findProgram("sh") ?? "sh",
      "-c",
      script,
      "sh",
      ...program,
    ],
    {
      stdio: ["inherit", "inherit", "inherit", "pipe"],
      env: {
        ...environment,
        [insideMarker]: "1",
        REMORA_STATE_DIRECTORY: stateRoot(environment),
      },
    },
  );
}

/** The user becomes root inside, and the subordinate ids 1 and up. */
function mapIds(program: string, pid: number | undefined, own: number, range: IdRange): void {
  const map = [pid ?? 0, 0, own, 1, 1, range.start, range.count];
  const result = spawnSync(findProgram(program) ?? program, map.map(String), { encoding: "utf8" });
  if (result.status !== 0) throw new Error(`${program} failed: ${(result.stderr ?? "").trim()}`);
}

function awaitExit(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) =>
      resolve(signal === null ? (code ?? 0) : 128 + constants.signals[signal]),
    );
  });
}

/** Signals go to the inner program: `unshare` waits for it and ignores them. Gives what was installed back. */
function forwardSignals(child: ChildProcess): () => void {
  const forward = (signal: NodeJS.Signals) => {
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8");
    for (const inner of children.trim().split(" ")) {
      if (inner !== "") process.kill(Number(inner), signal);
    }
  };
  // Ctrl-C in a terminal reaches both programs; a SIGINT from elsewhere only this one.
  const interrupt = () => (process.stdin.isTTY ? undefined : forward("SIGINT"));
  const forwarded: readonly NodeJS.Signals[] = ["SIGTERM", "SIGHUP", "SIGUSR2"];
  for (const signal of forwarded) process.on(signal, forward);
  process.on("SIGINT", interrupt);
  return () => {
    process.off("SIGINT", interrupt);
    for (const signal of forwarded) process.off(signal, forward);
  };
}
