/** Plain TCP through the pair: as much as goes, either way, and one small message at a time. */
import { totalCpu } from "../measure/cpu.ts";
import type { Sample } from "../measure/metric.ts";
import type { Scenario, Subject } from "../scenario.ts";
import { runInside } from "../site/launch.ts";

const program = new URL("../programs/tcp-client.ts", import.meta.url).pathname;

export const tcpScenarios: readonly Scenario[] = [
  bulk("tcp-upload", "upload", "TCP bulk, one connection, client to backend"),
  bulk("tcp-download", "download", "TCP bulk, one connection, backend to client"),
  {
    name: "tcp-ping-pong",
    title: "TCP, one connection, 64 B there and back",
    traffic: "tcp",
    metrics: ["latencyP50", "latencyP99", "cpuPerRequest", "requestsPerSecond"],
    pair: "kept",
    direct: true,
    measure: measurePingPong,
  },
];

function bulk(name: string, job: string, title: string): Scenario {
  return {
    name,
    title,
    traffic: "tcp",
    metrics: ["throughput", "cpuPerGigabyte"],
    pair: "kept",
    direct: true,
    measure: async (subject) => {
      await client(subject, job, subject.warmUpSeconds);
      const before = cpu(subject);
      const { bytes = 0, seconds = 1 } = await client(subject, job, subject.seconds);
      const nanoseconds = (cpu(subject) - before) / 2;
      return {
        throughput: (bytes * 8) / seconds / 1e9,
        ...(nanoseconds > 0 ? { cpuPerGigabyte: nanoseconds / 1e6 / (bytes / 1e9) } : {}),
      };
    },
  };
}

async function measurePingPong(subject: Subject): Promise<Sample> {
  await client(subject, "ping-pong", subject.warmUpSeconds);
  const before = cpu(subject);
  const { requests = 0, p50 = 0, p99 = 0 } = await client(subject, "ping-pong", subject.seconds);
  const nanoseconds = (cpu(subject) - before) / 2;
  return {
    latencyP50: p50,
    latencyP99: p99,
    requestsPerSecond: requests / subject.seconds,
    ...(nanoseconds > 0 ? { cpuPerRequest: nanoseconds / 1000 / requests } : {}),
  };
}

function cpu({ pair }: Subject): number {
  return totalCpu([...pair.outbound, ...pair.inbound]);
}

async function client(
  { site, pair }: Subject,
  job: string,
  seconds: number,
): Promise<Record<string, number>> {
  const { host, port } = pair.target;
  const command = [process.execPath, program, job, host, String(port), String(seconds)];
  const options = { namespace: site.clientNamespace, core: site.cores.load };
  return JSON.parse(await runInside(job, command, options)) as Record<string, number>;
}
