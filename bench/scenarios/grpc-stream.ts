/** One long gRPC stream: what a single message costs when there is no request around it. */
import { totalCpu } from "../measure/cpu.ts";
import type { Scenario, Subject } from "../scenario.ts";
import { runInside } from "../site/launch.ts";

const program = new URL("../programs/grpc-stream.ts", import.meta.url).pathname;
const messages = 100_000;
const warmUpPerSecond = 20_000;

export const grpcStreamScenario: Scenario = {
  name: "grpc-stream",
  title: "gRPC, one stream, 100,000 messages of 100 B there and back, 32 under way",
  traffic: "grpc",
  backend: "grpc-echo",
  metrics: ["cpuPerMessage", "messagesPerSecond"],
  pair: "kept",
  direct: true,
  measure: async (subject) => {
    await stream(subject, subject.warmUpSeconds * warmUpPerSecond);
    const proxies = [...subject.pair.outbound, ...subject.pair.inbound];
    const before = totalCpu(proxies);
    const { seconds } = await stream(subject, messages);
    const nanoseconds = totalCpu(proxies) - before;
    return {
      ...(nanoseconds > 0 ? { cpuPerMessage: nanoseconds / 2 / 1_000 / messages } : {}),
      messagesPerSecond: messages / seconds,
    };
  },
};

async function stream({ site, pair }: Subject, count: number): Promise<{ seconds: number }> {
  const { host, port } = pair.target;
  const command = [process.execPath, program, host, String(port), String(count)];
  const options = { namespace: site.clientNamespace, core: site.cores.load };
  return JSON.parse(await runInside("grpc-stream", command, options)) as { seconds: number };
}
