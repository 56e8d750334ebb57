/** HTTP/1.1 keep-alive at one, a few and many connections, with a small and a larger answer. */
import type { BodyPath } from "../backend.ts";
import { wrk } from "../load/wrk.ts";
import type { Scenario } from "../scenario.ts";
import { measureClosedLoop } from "./closed-loop.ts";

export const http1Scenarios: readonly Scenario[] = [1, 32, 256].flatMap((connections) => [
  http1(connections, "/100"),
  http1(connections, "/10k"),
]);

/** One connection alone sends too few requests in the time of a warm-up to warm what is compiled at run time. */
const warming = 32;

function http1(connections: number, path: BodyPath): Scenario {
  return {
    name: `http1-${connections}${path === "/10k" ? "-10k" : ""}`,
    title: `HTTP/1.1 keep-alive, ${count(connections)}, ${path === "/10k" ? "10 KB" : "100 B"} answers`,
    traffic: "http1",
    metrics: [
      "cpuPerRequest",
      "cpuOutbound",
      "cpuInbound",
      "requestsPerSecond",
      "latencyP50",
      "latencyP99",
      "errors",
    ],
    pair: "kept",
    direct: true,
    measure: (subject) => {
      const { host, port } = subject.pair.target;
      const url = `http://${host}:${port}${path}`;
      const loadOf = (count: number) => (seconds: number) =>
        wrk(subject.site, { url, connections: count, seconds });
      const warmUp = loadOf(Math.max(connections, warming));
      return measureClosedLoop(subject, loadOf(connections), warmUp);
    },
  };
}

function count(connections: number): string {
  return connections === 1 ? "1 connection" : `${connections} connections`;
}
