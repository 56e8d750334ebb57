/** What the injector counts. */
import {
  computed,
  createComputedCounter,
  createComputedGauge,
  createCounter,
  createGauge,
  createHistogram,
  type MetricFamily,
  observe,
  type Sample,
} from "../src/core/metrics.ts";
import type { MeshCounts } from "./cluster/mesh-report.ts";
import type { ReviewFacts } from "./review.ts";

export interface InjectorMetrics {
  readonly families: readonly MetricFamily[];
  reviewed(facts: ReviewFacts, seconds: number): void;
  /** A request that ended before there was a review, by its HTTP status. */
  rejected(status: number): void;
  /** A connection of an address that has enough of them. */
  connectionRefused(): void;
  /** Wall time in milliseconds at which the serving certificate ends. */
  setCertificateEnd(notAfter: number): void;
  /** One write of the certificate's Secret or of the webhooks' caBundle, by its step. */
  certificateStep(step: string): void;
}

/** What is counted elsewhere and read when Prometheus asks. */
export interface InjectorSources {
  /** Seconds since the API server last said anything; undefined where none is asked. */
  readonly knowledgeAge: () => number | undefined;
  readonly droppedEvents: () => number;
  /** Empty in replicas without the Lease. */
  readonly mesh: () => MeshCounts;
}

/** Namespaces times reasons; what is beyond is counted together. */
const maxMeshSeries = 1_000;

export function createInjectorMetrics(sources: InjectorSources): InjectorMetrics {
  const reviews = createCounter({
    name: "remora_injector_reviews_total",
    help: "Admission reviews, by their outcome; reason says why a pod was skipped or refused. Dry runs create nothing.",
    labelNames: ["outcome", "reason", "dry_run"],
  });
  const rejected = createCounter({
    name: "remora_injector_requests_rejected_total",
    help: "Requests without an answered review, by HTTP status.",
    labelNames: ["status"],
  });
  const refused = createCounter({
    name: "remora_injector_connections_refused_total",
    help: "Connections that were closed because their address had 100 already.",
    labelNames: [],
  });
  const duration = createHistogram({
    name: "remora_injector_review_duration_seconds",
    help: "Time from the whole body of a review to its answer.",
    labelNames: [],
    bounds: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25],
  });
  const end = createGauge({
    name: "remora_injector_certificate_expiry_seconds",
    help: "End of the serving certificate, in seconds since 1970.",
    labelNames: [],
  });
  const steps = createCounter({
    name: "remora_injector_certificate_steps_total",
    help: "Writes of the serving certificate's Secret and of the webhooks' caBundle, by step.",
    labelNames: ["step"],
  });
  const refusedSeries = refused.series();
  const durationSeries = duration.series();
  const endSeries = end.series();
  return {
    families: [reviews, rejected, refused, duration, end, steps, ...describeSources(sources)],
    reviewed(facts, seconds) {
      reviews.series(facts.outcome, facts.reason, String(facts.dryRun)).value += 1;
      observe(duration.bounds, durationSeries, seconds);
    },
    connectionRefused: () => void refusedSeries.value++,
    rejected: (status) => void rejected.series(String(status)).value++,
    setCertificateEnd: (notAfter) => {
      endSeries.value = Math.floor(notAfter / 1_000);
    },
    certificateStep: (step) => void steps.series(step).value++,
  };
}

function describeSources(sources: InjectorSources): readonly MetricFamily[] {
  return [
    computed(
      "remora_injector_unmeshed_pods",
      "Pods of opted-in namespaces that run without a sidecar, by reason. Only from the replica with the Lease.",
      () => pairsOf(sources.mesh().unmeshed, "reason"),
    ),
    computed(
      "remora_injector_outdated_pods",
      "Pods whose sidecar another version of the injector put there. Only from the replica with the Lease.",
      () => pairsOf(sources.mesh().outdated, "version"),
    ),
    createComputedCounter(
      "remora_injector_events_dropped_total",
      "Events that were not sent because there were too many.",
      () => sources.droppedEvents(),
    ),
    createComputedGauge(
      "remora_injector_knowledge_age_seconds",
      "Since the API server last said anything about namespaces; a quiet cluster has it say something every minute.",
      () => sources.knowledgeAge(),
    ),
  ];
}

/** Of `NAMESPACE VALUE` the greatest numbers, and all others together. */
function pairsOf(counts: ReadonlyMap<string, number>, label: string): readonly Sample[] {
  const sorted = Array.from(counts).sort(([, left], [, right]) => right - left);
  const samples = sorted.slice(0, maxMeshSeries).map(([key, value]): Sample => {
    const [namespace = "", text = ""] = key.split(" ");
    return { labels: { namespace, [label]: text }, value };
  });
  const rest = sorted.slice(maxMeshSeries).reduce((sum, [, value]) => sum + value, 0);
  if (rest === 0) return samples;
  return [...samples, { labels: { namespace: "other", [label]: "other" }, value: rest }];
}
