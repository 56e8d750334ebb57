/** HTTP/2 load without TLS, closed loop: a fixed number of streams is kept open on each connection. */
import { runInside } from "../site/launch.ts";
import type { Site } from "../site/site.ts";
import type { HttpLoad, LoadResult } from "./wrk.ts";

export interface StreamLoad extends HttpLoad {
  readonly streams: number;
  /** A file that is sent as the body of a POST, and the headers that go with it. */
  readonly body?: string;
  readonly headers?: readonly string[];
}

export async function h2load(site: Site, load: StreamLoad): Promise<LoadResult> {
  const command = [
    "h2load",
    "-t1",
    `-c${load.connections}`,
    `-m${load.streams}`,
    `-D${load.seconds}`,
    ...(load.body === undefined ? [] : ["-d", load.body]),
    ...(load.headers ?? []).flatMap((header) => ["-H", header]),
    load.url,
  ];
  const options = { namespace: site.clientNamespace, core: site.cores.load };
  const stdout = await runInside("h2load", command, options);
  const number = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1] ?? Number.NaN);
  const succeeded = number(/(\d+) succeeded/);
  // h2load counts the requests that are still open when its time is up as neither done nor failed.
  const errors =
    number(/(\d+) failed/) + number(/(\d+) errored/) + number(/(\d+) 4xx/) + number(/(\d+) 5xx/);
  const mean = /time for request:\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)/.exec(stdout);
  if (Number.isNaN(succeeded) || mean === null) throw new Error(`h2load printed ${stdout}`);
  const scale = { us: 0.001, ms: 1, s: 1000 }[mean[2] as "us" | "ms" | "s"];
  return { requests: succeeded, seconds: load.seconds, errors, mean: Number(mean[1]) * scale };
}
