import { setTimeout as delay } from "node:timers/promises";
import { type Millis, parseDuration } from "../../core/duration.ts";
import { UserError } from "../../local/user-error.ts";
import type { RunningPod } from "../check/objects.ts";
import { openCluster } from "../cluster.ts";
import { clusterOptions, readClusterOptions } from "../cluster-options.ts";
import {
  type Arguments,
  type Command,
  type Environment,
  meshOption,
  takePositionals,
  textOption,
  UsageError,
} from "../command.ts";
import { findMesh } from "../mesh-client.ts";
import { formatJson, outputHelp, outputOption, readOutputOption } from "../output-option.ts";
import { isLocal, sidecarHelp } from "../sidecar/reach-sidecar.ts";
import { scrapeInCluster, scrapeLocally } from "../traffic/scrape.ts";
import { renderTable } from "../traffic/table.ts";
import { type PodScrape, readTraffic } from "../traffic/traffic.ts";

const defaultPeriod = "5s";
/** Where nobody says how wide the terminal is, names are not cut. */
const anyWidth = Number.POSITIVE_INFINITY;

export const statCommand: Command = {
  name: "stat",
  summary: "show who talks to whom: rate, success, latency and encryption",
  usage: "stat [-n NAMESPACE] [--for 5s] [--output json] [--kubeconfig FILE|--name MESH]",
  options: { ...clusterOptions, ...meshOption, for: { type: "string" }, ...outputOption },
  optionHelp: {
    ...sidecarHelp,
    namespace: "only callers of this namespace; all when left out",
    for: `how long to look, ${defaultPeriod} when left out`,
    kubeconfig: "pods of this cluster; else of a mesh on this machine, else of $KUBECONFIG",
    name: "pods of this mesh on this machine",
    ...outputHelp,
  },
  examples: [
    ["remora stat", "every flow of the mesh in the next five seconds"],
    ["remora stat -n shop --for 30s", "callers of one namespace, over a longer time"],
    ["remora stat --output json", "for programs; times in seconds, success between 0 and 1"],
  ],
  async run(args, environment) {
    takePositionals(args);
    const output = readOutputOption(args);
    const period = readPeriod(args);
    const source = await openSource(args, environment);
    try {
      const before = await source.look();
      const start = performance.now();
      await delay(period);
      const after = await source.look();
      if (after.length === 0) {
        throw new UserError("no sidecar answered", "remora check tells which pods have none");
      }
      const rows = readTraffic(before, after, (performance.now() - start) / 1_000);
      const width = process.stdout.columns ?? anyWidth;
      process.stdout.write(output === "json" ? formatJson(rows) : renderTable(rows, width));
      return 0;
    } finally {
      source.close();
    }
  },
};

interface Source {
  look(): Promise<readonly PodScrape[]>;
  close(): void;
}

function readPeriod(args: Arguments): Millis {
  const text = textOption(args, "for") ?? defaultPeriod;
  const period = parseDuration(text);
  if (period === undefined || period <= 0) {
    throw new UsageError(`--for is "${text}", and must be a duration such as 30s`);
  }
  return period;
}

async function openSource(args: Arguments, environment: Environment): Promise<Source> {
  const namespace = textOption(args, "namespace");
  if (isLocal(args, environment)) {
    const mesh = findMesh(textOption(args, "name"), environment);
    const look = async (): Promise<readonly PodScrape[]> => {
      const pods = await mesh.pods();
      return await scrapeLocally(
        pods.filter((pod) => (namespace ?? pod.namespace) === pod.namespace),
      );
    };
    return { look, close: () => {} };
  }
  const cluster = await openCluster(readClusterOptions(args, environment));
  const where = namespace === undefined ? "" : `/namespaces/${namespace}`;
  return {
    // The list is read once: a pod that comes while we look has no rate yet.
    look: async () =>
      await scrapeInCluster(cluster, await cluster.list<RunningPod>(`/api/v1${where}/pods`)),
    close: () => cluster.close(),
  };
}
