/** Everything that a scenario can measure, with its unit and the way it is printed. */

export interface MetricInfo {
  readonly title: string;
  readonly unit: string;
  readonly digits: number;
  readonly better: "lower" | "higher";
}

export type MetricName =
  | "cpuPerRequest"
  | "cpuOutbound"
  | "cpuInbound"
  | "requestsPerSecond"
  | "latencyP50"
  | "latencyP90"
  | "latencyP99"
  | "latencyP999"
  | "latencyMean"
  | "throughput"
  | "cpuPerGigabyte"
  | "memoryOutbound"
  | "memoryInbound"
  | "memoryMax"
  | "memoryMaxLoaded"
  | "memoryAboveIdle"
  | "memoryPerConnection"
  | "memoryPerIdleConnection"
  | "startToReady"
  | "memoryPerMeshConnection"
  | "cpuPerMessage"
  | "messagesPerSecond"
  | "cpuPerHandshake"
  | "handshakesPerSecond"
  | "errors";

export const metrics: Readonly<Record<MetricName, MetricInfo>> = {
  cpuPerRequest: { title: "CPU per request per hop", unit: "µs", digits: 1, better: "lower" },
  cpuOutbound: { title: "outbound proxy", unit: "µs", digits: 1, better: "lower" },
  cpuInbound: { title: "inbound proxy", unit: "µs", digits: 1, better: "lower" },
  requestsPerSecond: { title: "requests", unit: "/s", digits: 0, better: "higher" },
  latencyP50: { title: "p50", unit: "ms", digits: 3, better: "lower" },
  latencyP90: { title: "p90", unit: "ms", digits: 3, better: "lower" },
  latencyP99: { title: "p99", unit: "ms", digits: 3, better: "lower" },
  latencyP999: { title: "p99.9", unit: "ms", digits: 3, better: "lower" },
  latencyMean: { title: "mean latency", unit: "ms", digits: 3, better: "lower" },
  throughput: { title: "throughput", unit: "Gbit/s", digits: 2, better: "higher" },
  cpuPerGigabyte: { title: "CPU per GB per hop", unit: "ms", digits: 0, better: "lower" },
  memoryOutbound: { title: "outbound proxy", unit: "MB", digits: 1, better: "lower" },
  memoryInbound: { title: "inbound proxy", unit: "MB", digits: 1, better: "lower" },
  memoryMax: { title: "private memory, larger of the two", unit: "MB", digits: 1, better: "lower" },
  memoryMaxLoaded: { title: "under load", unit: "MB", digits: 1, better: "lower" },
  memoryAboveIdle: { title: "above idle a minute later", unit: "MB", digits: 1, better: "lower" },
  memoryPerConnection: { title: "per app connection", unit: "KB", digits: 1, better: "lower" },
  memoryPerIdleConnection: {
    title: "per idle app connection",
    unit: "KB",
    digits: 1,
    better: "lower",
  },
  memoryPerMeshConnection: {
    title: "per mesh connection",
    unit: "KB",
    digits: 1,
    better: "lower",
  },
  cpuPerMessage: { title: "CPU per message per hop", unit: "µs", digits: 2, better: "lower" },
  messagesPerSecond: { title: "messages", unit: "/s", digits: 0, better: "higher" },
  cpuPerHandshake: { title: "CPU per handshake", unit: "µs", digits: 0, better: "lower" },
  handshakesPerSecond: { title: "handshakes", unit: "/s", digits: 0, better: "higher" },
  startToReady: { title: "start to ready", unit: "ms", digits: 0, better: "lower" },
  errors: { title: "errors", unit: "", digits: 0, better: "lower" },
};

/** What one measurement of one peer gave. */
export type Sample = Partial<Readonly<Record<MetricName, number>>>;
