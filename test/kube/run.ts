/**
 * `npm run test:kube [-- FILTER…]`: the tests that need a whole cluster. KUBECONFIG names one, whose nodes can pull
 * REMORA_IMAGE; without it a cluster is started for all files, with images made on this machine. Endurance runs when
 * KUBE_OUTAGE_MINUTES is set or it is named.
 */
import { globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Cluster,
  listClusters,
  openCluster,
  removeCluster,
  startCluster,
} from "../cluster/cluster.ts";
import { buildShopImage, shopImage } from "../cluster/image/app-images.ts";
import { buildRemoraImage } from "../cluster/image/remora-image.ts";
import { whyNoCluster } from "../cluster/node/required-programs.ts";
import { closingLine } from "../support/closing-line.ts";
import { runFiles } from "../support/run-files.ts";

const filters = process.argv.slice(2);
/** Takes as long as an outage lasts: runs when it is named, or when an outage is asked for. */
const isLong = (file: string): boolean =>
  file.endsWith("endurance.test.ts") && process.env["KUBE_OUTAGE_MINUTES"] === undefined;
const files = globSync("test/kube/**/*.test.ts").filter((file) =>
  filters.length === 0 ? !isLong(file) : filters.some((filter) => file.includes(filter)),
);
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const prefix = "kube-test-";

if (files.length === 0) refuse(`no test file's path holds ${filters.join(" or ")}`, 64);
if (process.env["KUBECONFIG"] !== undefined) {
  if (process.env["REMORA_IMAGE"] === undefined) {
    refuse("KUBECONFIG is set: name the image that the cluster pulls in REMORA_IMAGE", 64);
  }
  await runAll();
} else {
  const reason = whyNoCluster();
  if (reason !== undefined) refuse(reason, 1);
  // A run that was killed took its cluster with it, but not the files.
  for (const name of listClusters().filter((one) => one.startsWith(prefix))) {
    if (openCluster(name) === undefined) await removeCluster(name);
  }
  const cluster = await startCluster({ name: `${prefix}${process.pid}`, bound: true, say });
  try {
    await loadImages(cluster);
    process.env["KUBECONFIG"] = cluster.kubeconfig;
    process.env["REMORA_CLUSTER"] = cluster.name;
    await runAll();
  } finally {
    await cluster.close();
  }
}

async function runAll(): Promise<void> {
  const counts = await runFiles(files, { concurrency: 1, timeout: 1_200_000 });
  process.exitCode = closingLine(counts, process.env["CI"] === "true");
}

async function loadImages(cluster: Cluster): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "remora-images-"));
  try {
    const remora = join(folder, "remora.tar");
    const shop = join(folder, "shop.tar");
    process.env["REMORA_IMAGE"] = "localhost/remora:test";
    process.env["REMORA_SHOP_IMAGE"] = shopImage;
    await buildRemoraImage("localhost/remora:test", remora);
    cluster.loadImage(remora);
    await buildShopImage(shop);
    cluster.loadImage(shop);
    say("the images of the mesh and of the example are loaded");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function refuse(reason: string, code: number): never {
  process.stderr.write(`${reason}\n`);
  process.exit(code);
}
