/** What the authority counts; prom-client's registry only makes the text of it. */
import { createCounter, createGauge, type MetricFamily } from "../core/metrics.ts";
import type { RefusalCode } from "./issue.ts";

export interface IdentityMetrics {
  readonly families: readonly MetricFamily[];
  issued(): void;
  refused(code: RefusalCode | "internal"): void;
  /** Wall time in milliseconds at which the authority's own chain ends. */
  setAuthorityEnd(notAfter: number): void;
}

export function createIdentityMetrics(): IdentityMetrics {
  const issued = createCounter({
    name: "remora_identity_certificates_issued_total",
    help: "Certificates issued to workloads.",
    labelNames: [],
  });
  const refused = createCounter({
    name: "remora_identity_requests_refused_total",
    help: "Requests that got no certificate, by the reason.",
    labelNames: ["code"],
  });
  const end = createGauge({
    name: "remora_identity_authority_expiry_seconds",
    help: "End of the authority's own certificates, in seconds since 1970.",
    labelNames: [],
  });
  const issuedSeries = issued.series();
  const endSeries = end.series();
  return {
    families: [issued, refused, end],
    issued: () => void issuedSeries.value++,
    refused: (code) => void refused.series(code).value++,
    setAuthorityEnd: (notAfter) => {
      endSeries.value = Math.floor(notAfter / 1_000);
    },
  };
}
