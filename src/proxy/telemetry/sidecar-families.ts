/** What is counted or measured of the sidecar as a whole, when somebody scrapes it; what requests count is in families.ts. */
import type { LogOutput } from "../../core/log-output.ts";
import {
  createComputedCounter,
  createComputedGauge,
  createCounterBy,
  type MetricFamily,
} from "../../core/metrics.ts";
import { createBundleInfo } from "../../credentials/bundle-info.ts";
import type { Credentials } from "../../credentials/credentials.ts";
import { privateMemoryBytes } from "../status/scrape.ts";
import type { Overload } from "../transport/overload.ts";
import type { WireContext } from "../transport/wire.ts";

export function shedFamily({ shed }: Overload): MetricFamily {
  return createCounterBy(
    "what",
    "remora_load_shed_total",
    "What was refused or closed for want of memory or descriptors",
    () => shed,
  );
}

/** `pooled` is how many connections requests may use. */
export function connectionFamilies(wires: WireContext, pooled: () => number): MetricFamily[] {
  return [
    createComputedGauge(
      "remora_pool_connections",
      "Open connections that requests may use",
      pooled,
    ),
    createComputedGauge("remora_wires", "Open connections of any kind", () => wires.wires.size),
    createComputedGauge(
      "remora_timers",
      "Timers that run, and parts that are called each second",
      () =>
        process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length +
        wires.tickers.size,
    ),
    createCounterBy(
      "status",
      "remora_http1_refusals_total",
      "HTTP/1 requests that broke a rule or went over a limit, by the status of the answer",
      () => wires.http1.refusals,
    ),
    createCounterBy(
      "limit",
      "remora_http2_floods_total",
      "HTTP/2 connections that were ended because the peer went over a limit, by the limit",
      () => wires.http2.stats.floods,
    ),
    createComputedCounter(
      "remora_http2_deferrals_total",
      "Times that the further requests of a connection waited, since it had begun as many as one may in a turn",
      () => wires.http2.stats.deferrals,
    ),
    createComputedCounter(
      "remora_http2_connection_errors_total",
      "HTTP/2 connections that were ended because the peer broke a rule or went over a limit",
      () => wires.http2.stats.connectionErrors,
    ),
  ];
}

/** `lateness` is how late the event loop was lately, in milliseconds. */
export function processFamilies(
  credentials: Credentials,
  lateness: () => number,
  output: LogOutput,
): MetricFamily[] {
  return [
    createComputedCounter(
      "remora_log_lines_lost_total",
      "Log lines that nobody took: the disk is full, or the reader of the pipe is slow or gone",
      () => output.lost,
    ),
    createComputedGauge(
      "remora_certificate_expiry_timestamp_seconds",
      "When the certificate in use ends",
      () => {
        const tls = credentials.tls.current();
        return tls === undefined ? undefined : tls.certificate.notAfter / 1_000;
      },
    ),
    createBundleInfo(() => credentials.trustBundle.current().hash),
    createCounterBy(
      "result",
      "remora_certificate_renewals_total",
      "Certificates asked for, by how it went",
      () => {
        const { renewals, failures } = credentials.counters();
        return { ok: renewals, failed: failures };
      },
    ),
    createComputedGauge(
      "remora_event_loop_delay_seconds",
      "How late the tick of the second came lately, at its worst",
      () => lateness() / 1_000,
    ),
    createComputedGauge(
      "remora_private_memory_bytes",
      "Anonymous memory of the sidecar, which no other process shares",
      privateMemoryBytes,
    ),
  ];
}
