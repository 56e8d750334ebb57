/** A fixed rate that every peer can carry: latency as users see it when nothing is saturated. */
import { startPaced } from "../load/paced.ts";
import { wrk } from "../load/wrk.ts";
import { totalCpu } from "../measure/cpu.ts";
import type { Sample } from "../measure/metric.ts";
import type { Scenario, Subject } from "../scenario.ts";

const fixedRate = 5_000;
const connections = 64;

/** Percentiles of less are chance: one stall of the machine is a hundredth of a second. */
const leastSeconds = 4;

/** The client is new in each round: it is compiled in its first seconds. */
const leastWarmUp = 3;

/** Long enough to compile a proxy that is compiled at run time. */
const capacitySeconds = 5;

export const pacedScenarios: readonly Scenario[] = [
  {
    name: "http1-half",
    title: `HTTP/1.1 at half of what the pair itself can carry over ${connections} connections`,
    traffic: "http1",
    metrics: [
      "latencyP50",
      "latencyP90",
      "latencyP99",
      "latencyP999",
      "requestsPerSecond",
      "errors",
    ],
    // What an idle pair of another peer does on the same core, such as collecting its garbage, would be a percentile here.
    pair: "fresh",
    direct: false,
    measure: async (subject) => {
      const { host, port } = subject.pair.target;
      const url = `http://${host}:${port}/100`;
      const seconds = Math.max(capacitySeconds, subject.warmUpSeconds);
      const most = await wrk(subject.site, { url, connections, seconds });
      const half = Math.floor(most.requests / most.seconds / 2);
      return { ...(await measure(subject, half)), requestsPerSecond: half };
    },
  },
  {
    name: "http1-paced",
    title: `HTTP/1.1, ${fixedRate} requests per second on schedule over ${connections} connections`,
    traffic: "http1",
    metrics: ["latencyP50", "latencyP99", "latencyP999", "cpuPerRequest", "errors"],
    pair: "kept",
    direct: true,
    measure: async (subject) => await measure(subject, fixedRate),
  },
];

async function measure(subject: Subject, rate: number): Promise<Sample> {
  const proxies = [...subject.pair.outbound, ...subject.pair.inbound];
  const warmUp = Math.max(subject.warmUpSeconds, leastWarmUp);
  const seconds = Math.max(subject.seconds, leastSeconds);
  const run = startPaced(subject, { connections, rate, warmUp, seconds, delay: 0 });
  try {
    await run.warm;
    const before = totalCpu(proxies);
    const result = await run.result;
    const nanoseconds = totalCpu(proxies) - before;
    return {
      latencyP50: result.p50,
      latencyP90: result.p90,
      latencyP99: result.p99,
      latencyP999: result.p999,
      ...(nanoseconds > 0 ? { cpuPerRequest: nanoseconds / 2 / 1000 / result.requests } : {}),
      errors: result.errors,
    };
  } finally {
    await run.program.stop();
  }
}
