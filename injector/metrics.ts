/** What the injector counts. */
import {
  createCounter,
  createGauge,
  createHistogram,
  type MetricFamily,
  observe,
} from "../src/core/metrics.ts";
import type { ReviewFacts } from "./review.ts";

export interface InjectorMetrics {
  readonly families: readonly MetricFamily[];
  reviewed(facts: ReviewFacts, seconds: number): void;
  /** A request that ended before there was a review, by its HTTP status. */
  rejected(status: number): void;
  /** Wall time in milliseconds at which the serving certificate ends. */
  setCertificateEnd(notAfter: number): void;
}

export function createInjectorMetrics(): InjectorMetrics {
  const reviews = createCounter({
    name: "remora_injector_reviews_total",
    help: "Admission reviews, by their outcome; reason says why a pod was skipped. Dry runs create nothing.",
    labelNames: ["outcome", "reason", "dry_run"],
  });
  const rejected = createCounter({
    name: "remora_injector_requests_rejected_total",
    help: "Requests without an answered review, by HTTP status.",
    labelNames: ["status"],
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
  const durationSeries = duration.series();
  const endSeries = end.series();
  return {
    families: [reviews, rejected, duration, end],
    reviewed(facts, seconds) {
      reviews.series(facts.outcome, facts.reason, String(facts.dryRun)).value += 1;
      observe(duration.bounds, durationSeries, seconds);
    },
    rejected: (status) => void rejected.series(String(status)).value++,
    setCertificateEnd: (notAfter) => {
      endSeries.value = Math.floor(notAfter / 1_000);
    },
  };
}
