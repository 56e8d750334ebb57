/** HTTP/1 load, closed loop: each connection sends its next request when the answer to the last one is there. */
import { runInside } from "../site/launch.ts";
import type { Site } from "../site/site.ts";

const report = new URL("./wrk-report.lua", import.meta.url).pathname;

export interface HttpLoad {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  readonly errors: number;
  /** Milliseconds; percentiles are there when the generator keeps them. */
  readonly mean: number;
  readonly p50?: number;
  readonly p99?: number;
  readonly p999?: number;
}

export async function wrk(site: Site, load: HttpLoad): Promise<LoadResult> {
  const command = [
    "wrk",
    "-t1",
    `-c${load.connections}`,
    `-d${load.seconds}s`,
    "-s",
    report,
    load.url,
  ];
  const options = { namespace: site.clientNamespace, core: site.cores.load };
  const stdout = await runInside("wrk", command, options);
  const line = stdout.trim().split("\n").at(-1) ?? "";
  const result = JSON.parse(line) as Record<
    "requests" | "microseconds" | "p50" | "p99" | "p999" | "mean" | "errors",
    number
  >;
  return {
    requests: result.requests,
    seconds: result.microseconds / 1e6,
    errors: result.errors,
    mean: result.mean / 1000,
    p50: result.p50 / 1000,
    p99: result.p99 / 1000,
    p999: result.p999 / 1000,
  };
}
