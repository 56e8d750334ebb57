/** The running shop: five applications in a local mesh, and what one may ask of them. */
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { parseMetricsText, type Sample } from "../../src/cli/traffic/metrics-text.ts";
import { seconds } from "../../src/core/duration.ts";
import type { NotReady } from "../../src/local/api/messages.ts";
import { serveApi } from "../../src/local/api/server.ts";
import { type Mesh, startMesh } from "../../src/local/mesh.ts";
import { stateRoot } from "../../src/local/sandbox/state.ts";

const namespace = "shop";
export const applications: readonly string[] = ["shopper", "web", "catalog", "cart", "ledger"];

/** An application and the pod that it runs in. */
export interface ShopPod {
  readonly app: string;
  readonly name: string;
  readonly identity: string;
  readonly metricsUrl: string;
}

export interface Shop {
  readonly mesh: Mesh;
  pods(): ShopPod[];
  /** The counters of every sidecar, by application; a pod that does not answer is left out. */
  scrape(): Promise<ReadonlyMap<ShopPod, readonly Sample[]>>;
  /** Runs a command inside an application's pod and gives what it printed; rejects when it fails. */
  ask(app: string, command: readonly string[]): Promise<string>;
}

/**
 * Starts the mesh without waiting for it; `onStop` is called when `remora down` asks for its end. Throws a UserError with
 * one clear sentence when it cannot be started.
 */
export async function openShop(
  onNotice: (text: string) => void,
  onStop: () => void,
): Promise<Shop> {
  const folder = fileURLToPath(new URL(".", import.meta.url));
  const mesh = await startMesh({
    name: "shop",
    paths: [join(folder, "manifests")],
    stateRoot: stateRoot(process.env),
    // The manifests name their programs from the project's root on.
    workingDir: join(folder, "../.."),
    searchPath: process.env["PATH"],
    trustDomain: "cluster.local",
    watch: true,
    onNotice,
  });
  await serveApi(mesh, onStop);
  const pods = () => listPods(mesh);
  return {
    mesh,
    pods,
    async scrape() {
      const looks = pods().map(async (pod) => [pod, await readMetrics(pod.metricsUrl)] as const);
      const seen = (await Promise.all(looks)).filter(([, samples]) => samples.length > 0);
      return new Map(seen);
    },
    ask: (app, command) => runInPod(mesh, app, command),
  };
}

/** Tells of each pod as it becomes ready; gives those that are not after a minute. */
export async function awaitReady(
  { mesh }: Shop,
  onNotice: (text: string) => void,
): Promise<readonly NotReady[]> {
  const told = new Set<string>();
  const tell = (): void => {
    for (const pod of mesh.pods()) {
      if (!pod.ready || told.has(pod.name)) continue;
      told.add(pod.name);
      onNotice(`${pod.namespace}/${pod.name} is ready at ${pod.ip}`);
    }
  };
  const timer = setInterval(tell, 50);
  try {
    const { notReady } = await mesh.whenReady(seconds(60));
    tell();
    return notReady;
  } finally {
    clearInterval(timer);
  }
}

function listPods(mesh: Mesh): ShopPod[] {
  return mesh.pods().flatMap((pod) => {
    const app = applications.find((name) => pod.name.startsWith(`${name}-`));
    if (pod.namespace !== namespace || app === undefined || pod.identity === null) return [];
    const metricsUrl = `http://${pod.ip}:15020/metrics`;
    return [{ app, name: pod.name, identity: pod.identity, metricsUrl }];
  });
}

async function readMetrics(url: string): Promise<readonly Sample[]> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    return parseMetricsText(await response.text());
  } catch {
    // The pod is being replaced; it is there again at the next look.
    return [];
  }
}

async function runInPod(mesh: Mesh, app: string, command: readonly string[]): Promise<string> {
  const { running } = mesh.find(`deploy/${app}`, namespace);
  const ran = running.exec(undefined, command, { output: "pipe" });
  const [output, problems, exit] = await Promise.all([
    ran.stdout === undefined ? "" : text(ran.stdout),
    ran.stderr === undefined ? "" : text(ran.stderr),
    ran.exited,
    ran.started,
  ]);
  if (exit.code !== 0) throw new Error(`${command.join(" ")} in ${app} failed: ${problems}`);
  return output;
}
