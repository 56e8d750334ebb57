/** Every scenario, in the order of the report. */
import type { Scenario } from "../scenario.ts";
import { featureScenarios } from "./features.ts";
import { handshakeScenarios } from "./handshakes.ts";
import { http1Scenarios } from "./http1.ts";
import { http2Scenarios } from "./http2.ts";
import { memoryScenarios } from "./memory.ts";
import { pacedScenarios } from "./paced.ts";
import { tcpScenarios } from "./tcp.ts";

export const allScenarios: readonly Scenario[] = [
  ...http1Scenarios,
  ...http2Scenarios,
  ...tcpScenarios,
  ...pacedScenarios,
  ...handshakeScenarios,
  ...memoryScenarios,
  ...featureScenarios,
];
