/** The metrics of the data path, declared in one place; docs/observability.md explains each. */

import type { HistogramFamily, MetricFamily, SeriesFamily } from "../../core/metrics.ts";
import { createCounter, createGauge, createHistogram } from "../../core/metrics.ts";

export type Direction = "inbound" | "outbound";

export interface DataPathFamilies {
  readonly requests: SeriesFamily;
  readonly duration: HistogramFamily;
  readonly tcpConnections: SeriesFamily;
  readonly tcpOpen: SeriesFamily;
  readonly tcpBytes: SeriesFamily;
  readonly handshakes: SeriesFamily;
  readonly meshConnections: SeriesFamily;
  readonly retries: SeriesFamily;
  readonly detections: SeriesFamily;
  readonly errors: SeriesFamily;
  readonly denials: SeriesFamily;
  readonly audits: SeriesFamily;
}

/** From a quarter of a millisecond, which two sidecars add at the most, to half a minute. */
const latencyBounds = [
  0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30,
];

export function createDataPathFamilies(): DataPathFamilies {
  const peerLabels = ["direction", "peer", "service"];
  return {
    requests: createCounter({
      name: "remora_requests_total",
      help: "Requests that ended, by how they ended",
      labelNames: [...peerLabels, "protocol", "status_class", "grpc_status", "error"],
    }),
    duration: createHistogram({
      name: "remora_request_duration_seconds",
      help: "From the request's head to the end of its response",
      labelNames: [...peerLabels, "protocol"],
      bounds: latencyBounds,
      maxSeries: 500,
    }),
    tcpConnections: createCounter({
      name: "remora_tcp_connections_total",
      help: "Opaque connections that ended, by how they ended",
      labelNames: [...peerLabels, "error"],
    }),
    tcpOpen: createGauge({
      name: "remora_tcp_open_connections",
      help: "Connections between the application and the sidecar that are open",
      labelNames: ["direction"],
    }),
    tcpBytes: createCounter({
      name: "remora_tcp_bytes_total",
      help: "Bytes of opaque connections, seen from the client: sent to the server, received from it",
      labelNames: [...peerLabels, "flow"],
    }),
    handshakes: createCounter({
      name: "remora_tls_handshakes_total",
      help: "mTLS handshakes with peers",
      labelNames: ["direction", "result"],
    }),
    meshConnections: createGauge({
      name: "remora_mesh_connections",
      help: "mTLS connections with peers that are open",
      labelNames: ["direction"],
    }),
    retries: createCounter({
      name: "remora_request_retries_total",
      help: "Requests that were sent again, by the reason that made it safe",
      labelNames: ["reason"],
    }),
    detections: createCounter({
      name: "remora_protocol_detections_total",
      help: "Connections on undeclared ports, by what they were found to speak",
      labelNames: ["direction", "protocol"],
    }),
    errors: createCounter({
      name: "remora_errors_total",
      help: "Exchanges and connections that failed, by code (docs/errors.md)",
      labelNames: ["code"],
    }),
    denials: createCounter({
      name: "remora_policy_denials_total",
      help: "Requests and connections that were denied, by the policy that decided",
      labelNames: ["policy"],
    }),
    audits: createCounter({
      name: "remora_policy_audit_denials_total",
      help: "Requests and connections that would be denied without audit mode, by the policy",
      labelNames: ["policy"],
    }),
  };
}

export function listFamilies(families: DataPathFamilies): MetricFamily[] {
  return Object.values(families);
}
