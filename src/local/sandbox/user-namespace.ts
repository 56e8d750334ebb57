/** Runs this program again as root of a user namespace, for people who are not root. */
import { spawnSync } from "node:child_process";
import { closeSync, readSync, writeSync } from "node:fs";
import { findProgram, type IdRange, readIdRanges } from "./privileges.ts";
import { stateRoot } from "./state.ts";
import {
  createPipe,
  dieWithParent,
  exitNow,
  fork,
  keepStandardStreams,
  prepareExecute,
  readBytes,
  setIdentity,
  unshare,
  waitForChild,
} from "./syscalls.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** In the environment of the inner program. */
export const insideMarker = "REMORA_USER_NAMESPACE";

const SIGKILL = 9;
/** The end of the inner program is noticed by a signal; this is for the one that is lost. */
const checkInterval = 500;

/**
 * Runs the current program (same arguments) in new user, network and mount namespaces, where it is uid 0 with all
 * capabilities and has the user's subordinate ids, hands it the terminal and signals, and gives its exit code. There
 * `detectPrivileges()` says `sufficient`. The inner program dies with this one. Rejects with one sentence.
 */
export async function reexecInUserNamespace(environment: Environment): Promise<number> {
  if (environment[insideMarker] !== undefined) {
    throw new Error("the user namespace gives no privileges on this machine: run as root");
  }
  const ranges = readIdRanges();
  if (ranges === undefined) throw new Error("this user has no subordinate ids");
  const child = forkInner(environment);
  try {
    // The child has entered its namespace when it says so.
    if (readSync(child.ready, Buffer.alloc(1)) !== 1) {
      throw new Error("this kernel refuses user namespaces: run as root");
    }
    mapIds("newuidmap", child.pid, process.getuid?.() ?? 0, ranges.uids);
    mapIds("newgidmap", child.pid, process.getgid?.() ?? 0, ranges.gids);
    writeSync(child.go, "x");
  } finally {
    // Closed without a byte it ends the child.
    closeSync(child.go);
    closeSync(child.ready);
  }
  return exitCodeOf(await waitForEnd(child.pid));
}

interface InnerProcess {
  readonly pid: number;
  /** Gives one byte when the namespaces exist. */
  readonly ready: number;
  /** Takes one byte when ids are mapped. */
  readonly go: number;
}

function forkInner(environment: Environment): InnerProcess {
  const variables = Object.entries({
    ...environment,
    [insideMarker]: "1",
    REMORA_STATE_DIRECTORY: stateRoot(environment),
  }).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  const argv = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const become = prepareExecute(process.execPath, argv, variables);
  const [readyEnd, readyWrite] = createPipe();
  const [goEnd, goWrite] = createPipe();
  const byte = Buffer.alloc(1);
  const pid = fork();
  if (pid === 0) {
    try {
      // Its own copy would keep the pipe open when the parent gives up.
      closeSync(goWrite);
      unshare("user", "network", "mount");
      writeSync(readyWrite, byte);
      if (readBytes(goEnd, byte) === 1) {
        setIdentity(0, 0, []);
        dieWithParent(SIGKILL);
        keepStandardStreams();
        become();
      }
    } finally {
      exitNow(125);
    }
  }
  closeSync(readyWrite);
  closeSync(goEnd);
  return { pid, ready: readyEnd, go: goWrite };
}

/** The user becomes root inside, and the subordinate ids 1 and up. */
function mapIds(program: string, pid: number, own: number, range: IdRange): void {
  const map = [0, own, 1, 1, range.start, range.count];
  const result = spawnSync(findProgram(program) ?? program, [pid, ...map].map(String), {
    encoding: "utf8",
  });
  if (result.status !== 0) {
    throw new Error(`${program} failed: ${(result.stderr ?? "").trim()}`);
  }
}

/** Resolves with the wait status. */
function waitForEnd(pid: number): Promise<number> {
  const forward = (signal: NodeJS.Signals) => process.kill(pid, signal);
  // Ctrl-C in a terminal reaches both programs; a SIGINT from elsewhere only this one.
  const interrupt = () => (process.stdin.isTTY ? true : process.kill(pid, "SIGINT"));
  const forwarded: readonly NodeJS.Signals[] = ["SIGTERM", "SIGHUP", "SIGUSR2"];
  for (const signal of forwarded) process.on(signal, forward);
  process.on("SIGINT", interrupt);
  return new Promise((resolve, reject) => {
    const look = () => {
      try {
        const status = waitForChild(pid);
        if (status !== undefined) finish(() => resolve(status));
      } catch (error) {
        finish(() => reject(error));
      }
    };
    const timer = setInterval(look, checkInterval);
    const finish = (settle: () => void) => {
      clearInterval(timer);
      process.off("SIGCHLD", look);
      process.off("SIGINT", interrupt);
      for (const signal of forwarded) process.off(signal, forward);
      settle();
    };
    process.on("SIGCHLD", look);
    look();
  });
}

/** wait(2): the low seven bits are the signal that ended it, else the code is in the next byte. */
function exitCodeOf(status: number): number {
  const signal = status & 0x7f;
  return signal === 0 ? (status >> 8) & 0xff : 128 + signal;
}
