/** CPU per request under a load generator that never waits: the core of every HTTP scenario. */
import type { LoadResult } from "../load/wrk.ts";
import { totalCpu } from "../measure/cpu.ts";
import type { Sample } from "../measure/metric.ts";
import type { Subject } from "../scenario.ts";

/** Puts the load on after an uncounted one, and reads the proxies' CPU clocks around it. */
export async function measureClosedLoop(
  subject: Subject,
  load: (seconds: number) => Promise<LoadResult>,
  warmUp: (seconds: number) => Promise<LoadResult> = load,
): Promise<Sample> {
  const { pair } = subject;
  await warmUp(subject.warmUpSeconds);
  const outboundBefore = totalCpu(pair.outbound);
  const inboundBefore = totalCpu(pair.inbound);
  const result = await load(subject.seconds);
  const perRequest = (nanoseconds: number) => nanoseconds / 1000 / result.requests;
  const outbound = perRequest(totalCpu(pair.outbound) - outboundBefore);
  const inbound = perRequest(totalCpu(pair.inbound) - inboundBefore);
  const proxied = pair.outbound.length > 0;
  return {
    ...(proxied
      ? { cpuPerRequest: (outbound + inbound) / 2, cpuOutbound: outbound, cpuInbound: inbound }
      : {}),
    requestsPerSecond: result.requests / result.seconds,
    ...(result.p50 === undefined ? {} : { latencyP50: result.p50 }),
    ...(result.p99 === undefined ? {} : { latencyP99: result.p99 }),
    latencyMean: result.mean,
    errors: result.errors,
  };
}
