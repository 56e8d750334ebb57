/**
 * `npm run test:kube [-- FILTER…]`: the tests that need a whole cluster. KUBECONFIG names one, whose nodes can pull
 * REMORA_IMAGE; without it clusters are started for all files, with images made on this machine. Endurance stops its cluster's
 * API server and mostly waits, so it has a cluster of its own and runs beside the others.
 */
import { globSync } from "node:fs";
import {
  type Cluster,
  listClusters,
  openCluster,
  removeCluster,
  startCluster,
} from "../cluster/cluster.ts";
import { imageSettings, loadProjectImages } from "../cluster/image/load-images.ts";
import { whyNoCluster } from "../cluster/node/required-programs.ts";
import { closingLine, type TestCounts } from "../support/closing-line.ts";
import { addCounts, runFiles } from "../support/run-files.ts";

const filters = process.argv.slice(2);
const files = globSync("test/kube/**/*.test.ts").filter(
  (file) => filters.length === 0 || filters.some((filter) => file.includes(filter)),
);
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const prefix = "kube-test-";
/** The ten-minute outage of the nightly run and all around it. */
const timeout = 1_200_000;

if (files.length === 0) refuse(`no test file's path holds ${filters.join(" or ")}`, 64);
if (process.env["KUBECONFIG"] !== undefined) {
  if (process.env["REMORA_IMAGE"] === undefined) {
    refuse("KUBECONFIG is set: name the image that the cluster pulls in REMORA_IMAGE", 64);
  }
  // A cluster of ours by that name is not the one that is meant.
  const { REMORA_CLUSTER: _, ...env } = process.env;
  finish(await runFiles(files, { concurrency: 1, timeout, env }));
} else {
  const reason = whyNoCluster();
  if (reason !== undefined) refuse(reason, 1);
  // A run that was killed took its clusters with it, but not the files.
  for (const name of listClusters().filter((one) => one.startsWith(prefix))) {
    if (openCluster(name) === undefined) await removeCluster(name);
  }
  finish(await runOnOwnClusters());
}

async function runOnOwnClusters(): Promise<TestCounts> {
  const lasting = files.filter((file) => file.endsWith("endurance.test.ts"));
  const others = files.filter((file) => !lasting.includes(file));
  const groups = Object.entries({ "": others, "-endurance": lasting }).filter(
    ([, group]) => group.length > 0,
  );
  const clusters: Cluster[] = [];
  try {
    // One after the other: each takes addresses that are free.
    for (const [suffix] of groups) {
      const name = `${prefix}${process.pid}${suffix}`;
      clusters.push(await startCluster({ name, bound: true, say }));
    }
    await loadProjectImages(clusters);
    say("the images of the mesh and of the example are loaded");
    const counts = await Promise.all(
      groups.map(([, group], index) => runGroup(group, clusters[index], index > 0)),
    );
    return counts.reduce(addCounts);
  } finally {
    for (const cluster of clusters) await cluster.close();
  }
}

/** What is said of a group that is not the first is printed when it has ended, so that it can be read. */
function runGroup(
  group: readonly string[],
  cluster: Cluster | undefined,
  late: boolean,
): Promise<TestCounts> {
  const env = {
    ...process.env,
    KUBECONFIG: cluster?.kubeconfig,
    REMORA_CLUSTER: cluster?.name,
    ...imageSettings,
  };
  return runFiles(group, { concurrency: 1, timeout, env, late });
}

function finish(counts: TestCounts): void {
  process.exitCode = closingLine(counts, process.env["CI"] === "true");
}

function refuse(reason: string, code: number): never {
  process.stderr.write(`${reason}\n`);
  process.exit(code);
}
