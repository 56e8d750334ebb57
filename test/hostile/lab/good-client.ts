/** `node good-client.ts HOST PORT`: asks a hundred times a second, and reports since the last line that it was sent. */
import http from "node:http";
import { createInterface } from "node:readline";

const [host = "", port = ""] = process.argv.slice(2);
const intervalMillis = 10;
/** A request that takes longer has failed. */
const timeoutMillis = 10_000;

const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
let times: number[] = [];
let failures: string[] = [];

function ask(): void {
  const began = performance.now();
  const request = http.get({ host, port, agent, path: "/", timeout: timeoutMillis }, (response) => {
    response.resume();
    response.on("end", () => {
      if (response.statusCode === 200) times.push(performance.now() - began);
      else failures.push(`status ${response.statusCode}`);
    });
    response.on("error", (error) => failures.push(error.message));
  });
  request.on("timeout", () => request.destroy(new Error("timeout")));
  request.on("error", (error) => failures.push(error.message));
}

setInterval(ask, intervalMillis);
for await (const line of createInterface(process.stdin)) {
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0;
  const report = { line, served: times.length, failures, p50: at(0.5), p99: at(0.99) };
  process.stdout.write(`${JSON.stringify(report)}\n`);
  times = [];
  failures = [];
}
process.exit(0);
