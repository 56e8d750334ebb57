/** HTTP/1 load on a fixed schedule over connections that stay open afterwards. */

import type { Subject } from "../scenario.ts";
import { launch, type RunningProgram } from "../site/launch.ts";

const program = new URL("../programs/paced-http1.ts", import.meta.url).pathname;

export interface PacedLoad {
  readonly connections: number;
  readonly rate: number;
  /** Seconds at that rate which do not count. */
  readonly warmUp: number;
  readonly seconds: number;
  /** Seconds between the opening of all connections and the first paced request. */
  readonly delay: number;
}

export interface PacedResult {
  readonly requests: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly errors: number;
}

export interface PacedRun {
  readonly program: RunningProgram;
  /** All connections are open, each with one request answered. */
  readonly opened: Promise<void>;
  /** What counts begins. */
  readonly warm: Promise<void>;
  readonly result: Promise<PacedResult>;
}

export function startPaced({ site, pair }: Subject, load: PacedLoad): PacedRun {
  const targets = pair.targets ?? [pair.target];
  const numbers = [load.connections, load.rate, load.warmUp, load.seconds, load.delay].map(String);
  const command = [
    process.execPath,
    program,
    targets.map(({ host, port }) => `${host}:${port}`).join(),
    "/100",
    ...numbers,
  ];
  const options = { namespace: site.clientNamespace, core: site.cores.load };
  const running = launch("paced-http1", command, options);
  const line = async (pattern: RegExp): Promise<string> => {
    const deadline = Date.now() + (load.warmUp + load.seconds + load.delay + 30) * 1000;
    let ended = false;
    void running.ended.then(() => {
      ended = true;
    });
    for (;;) {
      const found = pattern.exec(running.output())?.[0];
      if (found !== undefined) return found;
      if (ended || Date.now() > deadline) throw new Error(`paced-http1: ${running.output()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const opened = line(/^open$/m).then(() => {});
  const warm = line(/^warm$/m).then(() => {});
  const result = line(/^\{.*\}$/m).then((text) => JSON.parse(text) as PacedResult);
  // Whoever waits for none of them has ended the program.
  for (const each of [opened, warm, result]) each.catch(() => {});
  return { program: running, opened, warm, result };
}
