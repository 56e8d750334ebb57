/** HTTP/2 with prior knowledge, and gRPC unary calls over it. */
import { writeFileSync } from "node:fs";
import { grpcMessage } from "../backend.ts";
import { h2load, type StreamLoad } from "../load/h2load.ts";
import type { MetricName } from "../measure/metric.ts";
import type { Scenario, Subject } from "../scenario.ts";
import { measureClosedLoop } from "./closed-loop.ts";

const columns: readonly MetricName[] = [
  "cpuPerRequest",
  "cpuOutbound",
  "cpuInbound",
  "requestsPerSecond",
  "latencyMean",
  "errors",
];

export const http2Scenarios: readonly Scenario[] = [
  http2(1, 8),
  http2(8, 8),
  grpcUnary(1, 1),
  grpcUnary(8, 8),
];

function http2(connections: number, streams: number): Scenario {
  return {
    name: `h2-${connections}x${streams}`,
    title: `HTTP/2, ${connections} × ${streams} streams, 100 B answers`,
    traffic: "http2",
    metrics: columns,
    pair: "kept",
    direct: true,
    measure: (subject) => {
      const url = `${origin(subject)}/100`;
      return measure(subject, { url, connections, streams });
    },
  };
}

function grpcUnary(connections: number, streams: number): Scenario {
  return {
    name: `grpc-${connections}x${streams}`,
    title: `gRPC unary, ${connections} × ${streams} calls, 100 B messages`,
    traffic: "grpc",
    metrics: columns,
    pair: "kept",
    direct: true,
    measure: (subject) => {
      const body = `${subject.site.folder}/request.bin`;
      writeFileSync(body, grpcMessage(100));
      const headers = ["content-type: application/grpc", "te: trailers"];
      const url = `${origin(subject)}/bench.Echo/Unary`;
      return measure(subject, { url, connections, streams, body, headers });
    },
  };
}

function measure(subject: Subject, load: Omit<StreamLoad, "seconds">) {
  return measureClosedLoop(subject, (seconds) => h2load(subject.site, { ...load, seconds }));
}

function origin(subject: Subject): string {
  const { host, port } = subject.pair.target;
  return `http://${host}:${port}`;
}
