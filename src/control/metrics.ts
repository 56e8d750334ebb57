/** What control counts about itself. */
import {
  createCounter,
  createGauge,
  type MetricFamily,
  type SeriesFamily,
} from "../core/metrics.ts";

export interface ControlMetrics {
  readonly families: readonly MetricFamily[];
  readonly streams: SeriesFamily;
  readonly requests: SeriesFamily;
  readonly responses: SeriesFamily;
  readonly resources: SeriesFamily;
  readonly nacks: SeriesFamily;
  readonly refusals: SeriesFamily;
  readonly objects: SeriesFamily;
  readonly problems: SeriesFamily;
  readonly snapshots: SeriesFamily;
  readonly buildSeconds: SeriesFamily;
}

export function createControlMetrics(): ControlMetrics {
  const families: SeriesFamily[] = [];
  const counter = (name: string, help: string, ...labelNames: string[]): SeriesFamily => {
    const family = createCounter({ name, help, labelNames });
    families.push(family);
    return family;
  };
  const gauge = (name: string, help: string, ...labelNames: string[]): SeriesFamily => {
    const family = createGauge({ name, help, labelNames });
    families.push(family);
    return family;
  };
  return {
    families,
    streams: gauge("remora_control_streams", "Proxies that are connected."),
    requests: counter(
      "remora_control_requests_total",
      "Requests of proxies, acknowledgements included.",
      "type",
    ),
    responses: counter("remora_control_responses_total", "Responses sent to proxies.", "type"),
    resources: counter("remora_control_resources_sent_total", "Resources sent to proxies.", "type"),
    nacks: counter("remora_control_nacks_total", "Responses that a proxy refused.", "type"),
    refusals: counter(
      "remora_control_refusals_total",
      "Streams that control refused or ended.",
      "reason",
    ),
    objects: gauge("remora_control_objects", "Objects of the newest snapshot.", "kind"),
    problems: gauge(
      "remora_control_manifest_problems",
      "Problems in the source's objects.",
      "severity",
    ),
    snapshots: counter("remora_control_snapshots_total", "Snapshots built from the source."),
    buildSeconds: gauge(
      "remora_control_snapshot_build_seconds",
      "How long the newest snapshot took to build.",
    ),
  };
}
