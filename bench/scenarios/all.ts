/** Every scenario, in the order of the report. */
import type { Scenario } from "../scenario.ts";
import { featureScenarios } from "./features.ts";
import { grpcStreamScenario } from "./grpc-stream.ts";
import { handshakeScenarios } from "./handshakes.ts";
import { http1Scenarios } from "./http1.ts";
import { http2Scenarios } from "./http2.ts";
import { memoryScenarios } from "./memory.ts";
import { meshConnectionsScenario } from "./mesh-connections.ts";
import { pacedScenarios } from "./paced.ts";
import { tcpScenarios } from "./tcp.ts";

export const allScenarios: readonly Scenario[] = [
  ...http1Scenarios,
  ...http2Scenarios,
  grpcStreamScenario,
  ...tcpScenarios,
  ...pacedScenarios,
  ...handshakeScenarios,
  ...memoryScenarios,
  meshConnectionsScenario,
  ...featureScenarios,
];
