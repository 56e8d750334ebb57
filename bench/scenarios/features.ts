/** What it costs to switch more on: Remora beside itself. */
import { wrk } from "../load/wrk.ts";
import { largestMegabytes } from "../measure/memory.ts";
import { featurePeers } from "../peers/all.ts";
import type { Scenario } from "../scenario.ts";
import { measureClosedLoop } from "./closed-loop.ts";

const connections = 32;

export const featureScenarios: readonly Scenario[] = [
  {
    name: "features",
    title: "HTTP/1.1 keep-alive, 32 connections, 100 B answers, with more switched on",
    traffic: "http1",
    metrics: [
      "cpuPerRequest",
      "cpuOutbound",
      "cpuInbound",
      "requestsPerSecond",
      "memoryMax",
      "errors",
    ],
    pair: "kept",
    direct: false,
    peers: featurePeers,
    measure: async (subject) => {
      const { host, port } = subject.pair.target;
      const url = `http://${host}:${port}/100`;
      const sample = await measureClosedLoop(subject, (seconds) =>
        wrk(subject.site, { url, connections, seconds }),
      );
      return { ...sample, memoryMax: largestMegabytes(subject.pair) };
    },
  },
];
