/** Waits, from inside a namespace, until something accepts connections. */
import { launch, type RunningProgram } from "./launch.ts";

const programPath = new URL("../programs/wait-for-port.ts", import.meta.url).pathname;

export interface Waiting {
  readonly namespace: string;
  readonly core: number;
  readonly host: string;
  readonly port: number;
  /** Ready is not an accepted connection but a 200 on this path. */
  readonly path?: string;
}

/**
 * Starts the watcher before what it watches, so that its own start costs nothing; the result is the time of the first
 * accepted connection on the clock of `process.hrtime`.
 */
export async function startWaiting(what: Waiting): Promise<() => Promise<bigint>> {
  const path = what.path === undefined ? [] : [what.path];
  const command = [process.execPath, programPath, what.host, String(what.port), ...path];
  const watcher = launch("wait-for-port", command, what);
  await watching(watcher);
  return async () => {
    const code = await watcher.ended;
    if (code !== 0) throw new Error(`nothing listens on ${what.host}:${what.port}`);
    return BigInt(watcher.output().trim().split("\n").at(-1) ?? "0");
  };
}

/** Resolves when all of the programs accept, with the start of the slowest in milliseconds; or rejects with what a dead one printed. */
export async function startToReady(
  programs: readonly RunningProgram[],
  waits: readonly (() => Promise<bigint>)[],
): Promise<number> {
  const times = await Promise.all(
    programs.map(async (program, index) => {
      const died = program.ended.then((code) => {
        throw new Error(`${program.name} ended with ${code}: ${program.output().trim()}`);
      });
      const ready = (waits[index]?.() ?? died).catch((error: unknown) => {
        throw new Error(
          `${(error as Error).message}; ${program.name} printed ${program.output().slice(-1000)}`,
        );
      });
      const readyAt = await Promise.race([ready, died]);
      return Number(readyAt - program.startedAt) / 1e6;
    }),
  );
  return Math.max(...times);
}

async function watching(watcher: RunningProgram): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!watcher.output().includes("watching")) {
    if (Date.now() > deadline) throw new Error(`the watcher did not start: ${watcher.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
