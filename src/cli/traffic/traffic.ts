/** What flows between the pods, worked out from two looks at every sidecar's counters. */
import type { Sample } from "./metrics-text.ts";

/** One look at one pod. */
export interface PodScrape {
  /** Tells pods of one identity apart. */
  readonly pod: string;
  /** The pod's own SPIFFE ID. */
  readonly identity: string;
  readonly samples: readonly Sample[];
}

export interface TrafficRow {
  readonly source: string;
  /** The SPIFFE ID that the other side proved, or the service's name when it proved none. */
  readonly destination: string;
  readonly protocol: string;
  /** Requests per second; connections per second for TCP. */
  readonly rate: number;
  /** Between 0 and 1; undefined when nothing was finished in this time. */
  readonly success: number | undefined;
  /** In seconds; undefined for TCP, whose connections may live for days. */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  /** Undefined when nobody was reached. */
  readonly mtls: boolean | undefined;
}

/** The gRPC statuses that are the server's fault: UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const grpcFailures = new Set(["2", "4", "13", "14", "15"]);

/**
 * The outbound traffic of all pods between the two looks, one row per source, destination and protocol; what was quiet
 * stands in the table with a rate of 0. `before` may be empty: then it is the traffic since the pods' start.
 */
export function readTraffic(
  before: readonly PodScrape[],
  after: readonly PodScrape[],
  seconds: number,
): TrafficRow[] {
  const earlier = new Map(before.map(({ pod, samples }) => [pod, indexSamples(samples)]));
  const flows = new Map<string, Flow>();
  for (const scrape of after) addPod(flows, scrape, earlier.get(scrape.pod) ?? new Map());
  // Requests that found nobody have no peer: they show while they fail, and say nothing of encryption.
  const shown = Array.from(flows.values()).filter((flow) => flow.mtls || flow.finished > 0);
  return shown
    .map((flow) => describe(flow, seconds))
    .sort((a, b) => rowKey(a).localeCompare(rowKey(b)));
}

interface Flow {
  readonly source: string;
  readonly destination: string;
  readonly protocol: string;
  readonly mtls: boolean;
  finished: number;
  failed: number;
  /** Upper bound in seconds → how many were at most so long. */
  readonly buckets: Map<number, number>;
}

function addPod(
  flows: Map<string, Flow>,
  scrape: PodScrape,
  earlier: ReadonlyMap<string, number>,
): void {
  for (const sample of scrape.samples) {
    if (sample.labels["direction"] !== "outbound") continue;
    const past = earlier.get(sampleKey(sample)) ?? 0;
    // A counter that is smaller than before belongs to a sidecar that was restarted.
    const grown = sample.value >= past ? sample.value - past : sample.value;
    addSample(flows, scrape.identity, sample, grown);
  }
}

function describe(flow: Flow, seconds: number): TrafficRow {
  return {
    source: flow.source,
    destination: flow.destination,
    protocol: flow.protocol,
    rate: flow.finished / seconds,
    success: flow.finished === 0 ? undefined : 1 - flow.failed / flow.finished,
    p50: quantile(flow.buckets, 0.5),
    p99: quantile(flow.buckets, 0.99),
    mtls: flow.mtls || flow.finished > flow.failed ? flow.mtls : undefined,
  };
}

function addSample(flows: Map<string, Flow>, source: string, sample: Sample, grown: number): void {
  const { labels } = sample;
  const open = (protocol: string): Flow => openFlow(flows, source, labels, protocol);
  switch (sample.name) {
    case "remora_requests_total": {
      const flow = open(labels["protocol"] ?? "http1");
      flow.finished += grown;
      if (isFailure(labels)) flow.failed += grown;
      break;
    }
    case "remora_tcp_connections_total": {
      const flow = open("tcp");
      flow.finished += grown;
      if (!isNone(labels["error"])) flow.failed += grown;
      break;
    }
    case "remora_request_duration_seconds_bucket": {
      const { buckets } = open(labels["protocol"] ?? "http1");
      const bound = labels["le"] === "+Inf" ? Number.POSITIVE_INFINITY : Number(labels["le"]);
      buckets.set(bound, (buckets.get(bound) ?? 0) + grown);
      break;
    }
    default:
      break;
  }
}

function openFlow(
  flows: Map<string, Flow>,
  source: string,
  labels: Sample["labels"],
  protocol: string,
): Flow {
  const peer = labels["peer"] ?? "";
  const mtls = peer.startsWith("spiffe://");
  const service = labels["service"] ?? "";
  const destination = mtls ? peer : isNone(service) ? "unknown" : service;
  const key = `${source} ${destination} ${protocol}`;
  const flow = flows.get(key) ?? {
    source,
    destination,
    protocol,
    mtls,
    finished: 0,
    failed: 0,
    buckets: new Map(),
  };
  flows.set(key, flow);
  return flow;
}

function isFailure(labels: Sample["labels"]): boolean {
  return (
    !isNone(labels["error"]) ||
    labels["status_class"] === "5xx" ||
    grpcFailures.has(labels["grpc_status"] ?? "")
  );
}

function isNone(label: string | undefined): boolean {
  return label === undefined || label === "";
}

/** Linear inside the bucket that holds the rank, as Prometheus' own histogram_quantile has it. */
export function quantile(buckets: ReadonlyMap<number, number>, rank: number): number | undefined {
  const bounds = Array.from(buckets).sort(([a], [b]) => a - b);
  const total = bounds.at(-1)?.[1] ?? 0;
  if (total === 0) return undefined;
  const wanted = rank * total;
  let lower = 0;
  let below = 0;
  for (const [upper, count] of bounds) {
    if (count >= wanted) {
      if (upper === Number.POSITIVE_INFINITY) return lower;
      return lower + ((upper - lower) * (wanted - below)) / Math.max(count - below, 1);
    }
    lower = upper;
    below = count;
  }
  return lower;
}

function indexSamples(samples: readonly Sample[]): Map<string, number> {
  return new Map(samples.map((sample) => [sampleKey(sample), sample.value]));
}

function sampleKey(sample: Sample): string {
  return sample.name + JSON.stringify(sample.labels);
}

function rowKey(row: TrafficRow): string {
  return `${row.source} ${row.destination} ${row.protocol}`;
}
