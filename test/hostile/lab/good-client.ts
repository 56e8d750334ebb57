/**
 * `node good-client.ts HOST PORT PID`: asks the sidecar, whose process this is, all the time, and reports since the last line that it
 * was sent: how long it waited, and how much CPU time the sidecar spent meanwhile, which other programs of the machine do not change.
 */
import http from "node:http";
import { createInterface } from "node:readline";
import { endProcess } from "../../../src/core/end-process.ts";
import { mainThreadMillis } from "./process-meter.ts";

const [host = "", port = "", pid = ""] = process.argv.slice(2);
const intervalMillis = 5;
/** A request that takes longer has failed. */
const timeoutMillis = 10_000;

const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
let times: number[] = [];
let works: number[] = [];
let failures: string[] = [];

function ask(): void {
  const began = performance.now();
  const workBefore = mainThreadMillis(Number(pid));
  const request = http.get({ host, port, agent, path: "/", timeout: timeoutMillis }, (response) => {
    response.resume();
    response.on("end", () => {
      if (response.statusCode === 200) {
        times.push(performance.now() - began);
        works.push(mainThreadMillis(Number(pid)) - workBefore);
      } else failures.push(`status ${response.statusCode}`);
    });
    response.on("error", (error) => failures.push(error.message));
  });
  request.on("timeout", () => request.destroy(new Error("timeout")));
  request.on("error", (error) => failures.push(error.message));
}

function p99Of(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.99)] ?? 0;
}

setInterval(ask, intervalMillis);
for await (const line of createInterface(process.stdin)) {
  const report = { line, served: times.length, failures, p99: p99Of(times), work: p99Of(works) };
  process.stdout.write(`${JSON.stringify(report)}\n`);
  times = [];
  works = [];
  failures = [];
}
await endProcess(process, 0);
