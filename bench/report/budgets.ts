/** The design's budgets as data: what is measured where, against whom, and how much is allowed. */
import type { MetricName } from "../measure/metric.ts";
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
    | { readonly kind: "added"; readonly atMost: number };
}

export interface Verdict {
  readonly budget: Budget;
  readonly value: number | undefined;
  /** The other side of a ratio: whose figure, and which. */
  readonly compared?: { readonly peer: string; readonly value: number };
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
];

/** One verdict per budget whose scenario ran; `passed` is undefined when a figure is missing. */
export function judge(results: Results, peer: string): Verdict[] {
  const ran = new Set(results.scenarios.map(({ name }) => name));
  return budgets
    .filter(({ scenario }) => ran.has(scenario))
    .map((budget) => verdict(results, peer, budget));
}

function verdict(results: Results, peer: string, budget: Budget): Verdict {
  const median = (name: string) => summaryOf(results, budget.scenario, name, budget.metric)?.median;
  const own = median(peer);
  const unknown: Verdict = { budget, value: own, passed: undefined };
  if (own === undefined) return unknown;
  const { limit } = budget;
  if (limit.kind === "value") return { budget, value: own, passed: own <= limit.atMost };
  if (limit.kind === "added") {
    const direct = median("direct");
    if (direct === undefined) return unknown;
    const added = (own - direct) / 2;
    return { budget, value: added, passed: added <= limit.atMost };
  }
  const higherWins = "atLeast" in limit;
  const others = limit.against
    .flatMap((name) => {
      const value = median(name);
      return value === undefined ? [] : [{ peer: name, value }];
    })
    .sort((a, b) => (higherWins ? b.value - a.value : a.value - b.value));
  const [best] = others;
  if (best === undefined) return unknown;
  const ratio = own / best.value;
  const passed = "atLeast" in limit ? ratio >= limit.atLeast : ratio <= limit.atMost;
  return { budget, value: own, compared: best, passed };
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

function value(what: string, scenario: string, metric: MetricName, atMost: number): Budget {
  return { what, scenario, metric, limit: { kind: "value", atMost } };
}
