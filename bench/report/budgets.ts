/** The design's budgets as data: what is measured where, against whom, and how much is allowed. */
import { type MetricName, metrics } from "../measure/metric.ts";
import { type Results, summaryOf } from "./results.ts";

export interface Budget {
  readonly what: string;
  readonly scenario: string;
  readonly metric: MetricName;
  /** `value`: the median itself. `ratio`: the median divided by the best of the named peers. */
  readonly limit:
    | { readonly kind: "value"; readonly atMost: number }
    | { readonly kind: "ratio"; readonly against: readonly string[]; readonly atMost: number }
    | { readonly kind: "ratio"; readonly against: readonly string[]; readonly atLeast: number }
    /** The median less that of the direct connection, divided by the two hops. */
    | { readonly kind: "added"; readonly atMost: number }
    /** The median of one variant of Remora divided by that of another one: what a larger mesh costs. */
    | {
        readonly kind: "growth";
        readonly from: string;
        readonly to: string;
        readonly atMost: number;
      };
}

export interface Verdict {
  readonly budget: Budget;
  readonly value: number | undefined;
  /** The other side of a ratio; beside a value, the best of the peers. */
  readonly compared?: { readonly peer: string; readonly value: number };
  /** Requests that failed while it was measured: what is refused costs little, so no budget is kept with any. */
  readonly errors: number;
  readonly passed: boolean | undefined;
}

const haproxy = ["haproxy", "haproxy-h2"];
const perIdle = "memoryPerIdleConnection";

export const budgets: readonly Budget[] = [
  ...["http1-1", "http1-1-10k", "h2-1x8", "grpc-1x1"].map((scenario) => cpu(scenario, 1)),
  ...["http1-32", "http1-32-10k", "http1-256", "http1-256-10k", "h2-8x8", "grpc-8x8"].map(
    (scenario) => cpu(scenario, 0.9),
  ),
  ...["http1-1", "http1-32", "http1-256", "h2-8x8", "grpc-1x1", "grpc-8x8"].map(
    (scenario): Budget => ({
      what: "CPU per request per hop against bare Envoy",
      scenario,
      metric: "cpuPerRequest",
      limit: { kind: "ratio", against: ["envoy"], atMost: 0.5 },
    }),
  ),
  {
    what: "added median latency per hop at one connection",
    scenario: "http1-1",
    metric: "latencyP50",
    limit: { kind: "added", atMost: 0.1 },
  },
  ...["tcp-upload", "tcp-download"].map(
    (scenario): Budget => ({
      what: "bulk TCP throughput against HAProxy",
      scenario,
      metric: "throughput",
      limit: { kind: "ratio", against: ["haproxy-tcp"], atLeast: 1.2 },
    }),
  ),
  handshake("handshakes-full"),
  {
    what: "p99 at half of capacity against HAProxy",
    scenario: "http1-half",
    metric: "latencyP99",
    limit: { kind: "ratio", against: haproxy, atMost: 1.5 },
  },
  value("private memory of an idle, ready sidecar", "idle", "memoryMax", 15),
  value("the same with 1,000 connections at 5,000 req/s", "memory-1000", "memoryMaxLoaded", 40),
  value("private memory per idle app connection", "connections-1000", perIdle, 8),
  value("the same at eight times as many", "connections-8000", perIdle, 8),
  value("memory above idle a minute after a burst", "memory-burst", "memoryAboveIdle", 5),
  value("start to ready, certificate included", "idle", "startToReady", 150),
  {
    what: "CPU per message of a long gRPC stream against HAProxy",
    scenario: "grpc-stream",
    metric: "cpuPerMessage",
    limit: { kind: "ratio", against: haproxy, atMost: 1 },
  },
  value("20 peers, 1,000 connections, 5,000 req/s", "peers-20", "memoryMaxLoaded", 40),
  value("the same, above idle a minute later", "peers-20", "memoryAboveIdle", 5),
  value("private memory per mesh connection", "mesh-connections", "memoryPerMeshConnection", 90),
  growth("policy rules", "rules", "cpuPerRequest"),
  growth("Services in the mesh", "services", "cpuPerRequest"),
  // The picker works on the client's side; the other side never hears of endpoints.
  growth("endpoints of a Service", "endpoints", "cpuOutbound"),
];

/** One verdict per budget whose scenario ran; `passed` is undefined when a figure is missing. */
export function judge(results: Results, peer: string): Verdict[] {
  const ran = new Set(results.scenarios.map(({ name }) => name));
  return budgets
    .filter(({ scenario }) => ran.has(scenario))
    .map((budget) => verdict(results, peer, budget));
}

function verdict(results: Results, peer: string, budget: Budget): Verdict {
  const { limit, scenario } = budget;
  const judged = limit.kind === "growth" ? limit.to : peer;
  const errors = summaryOf(results, scenario, judged, "errors")?.median ?? 0;
  const found = compare(results, peer, budget);
  const passed = errors > 0 && found.passed !== undefined ? false : found.passed;
  return { ...found, budget, errors, passed };
}

function compare(
  results: Results,
  peer: string,
  budget: Budget,
): Pick<Verdict, "value" | "compared" | "passed"> {
  const median = (name: string) => summaryOf(results, budget.scenario, name, budget.metric)?.median;
  const { limit } = budget;
  const own = median(limit.kind === "growth" ? limit.to : peer);
  const unknown = { value: own, passed: undefined };
  if (own === undefined) return unknown;
  if (limit.kind === "value") {
    const beside = bestOf(others(results, peer), median, metrics[budget.metric].better);
    return {
      value: own,
      ...(beside === undefined ? {} : { compared: beside }),
      passed: own <= limit.atMost,
    };
  }
  if (limit.kind === "added") {
    const direct = median("direct");
    if (direct === undefined) return unknown;
    const added = (own - direct) / 2;
    return { value: added, passed: added <= limit.atMost };
  }
  const against = limit.kind === "growth" ? [limit.from] : limit.against;
  const compared = bestOf(against, median, metrics[budget.metric].better);
  if (compared === undefined) return unknown;
  const ratio = own / compared.value;
  const passed = "atLeast" in limit ? ratio >= limit.atLeast : ratio <= limit.atMost;
  return { value: own, compared, passed };
}

function bestOf(
  peers: readonly string[],
  median: (peer: string) => number | undefined,
  better: "lower" | "higher",
): Verdict["compared"] {
  const known = peers.flatMap((peer) => {
    const value = median(peer);
    return value === undefined ? [] : [{ peer, value }];
  });
  return known.toSorted((a, b) => (better === "higher" ? b.value - a.value : a.value - b.value))[0];
}

/** Variants of Remora are no peers of its own. */
function others(results: Results, peer: string): string[] {
  return results.peers
    .map(({ name }) => name)
    .filter((name) => name !== peer && name !== "direct" && !name.startsWith(`${peer}-`));
}

function cpu(scenario: string, atMost: number): Budget {
  const limit = { kind: "ratio", against: haproxy, atMost } as const;
  const what = "CPU per request per hop against HAProxy's best";
  return { what, scenario, metric: "cpuPerRequest", limit };
}

/** As handshakes per second of one core: 0.8 of HAProxy's. */
function handshake(scenario: string): Budget {
  const limit = { kind: "ratio", against: haproxy, atMost: 1 / 0.8 } as const;
  const what = "CPU per handshake against HAProxy";
  return { what, scenario, metric: "cpuPerHandshake", limit };
}

/** Ten against ten thousand of something. */
function growth(what: string, of: string, metric: MetricName): Budget {
  const [from, to] = [`remora-${of}-10`, `remora-${of}-10000`];
  const limit = { kind: "growth", from, to, atMost: 1.1 } as const;
  return {
    what: `cost per request, 10,000 ${what} against 10`,
    scenario: "features",
    metric,
    limit,
  };
}

function value(what: string, scenario: string, metric: MetricName, atMost: number): Budget {
  return { what, scenario, metric, limit: { kind: "value", atMost } };
}
