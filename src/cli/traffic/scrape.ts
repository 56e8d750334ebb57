/** The counters of every sidecar, read where Prometheus would read them. */
import { relayPort } from "../../../injector/options.ts";
import { formatSpiffeId } from "../../core/spiffe-id.ts";
import type { PodSummary } from "../../local/api/messages.ts";
import { type RunningPod, sidecarOf } from "../check/objects.ts";
import type { Cluster } from "../cluster.ts";
import { parseMetricsText } from "./metrics-text.ts";
import type { PodScrape } from "./traffic.ts";

/** A pod that does not answer is left out; its callers' counters tell of it all the same. */
export async function scrapeLocally(pods: readonly PodSummary[]): Promise<readonly PodScrape[]> {
  const meshed = pods.filter(({ identity }) => identity !== null);
  return await readAll(meshed, async ({ namespace, name, ip, identity }) => {
    const answer = await fetch(`http://${ip}:${relayPort}/metrics`);
    return scrapeOf(`${namespace}/${name}`, identity ?? "", await answer.text());
  });
}

/** The same through the API server, which needs `get` on `pods/proxy`. */
export async function scrapeInCluster(
  cluster: Cluster,
  pods: readonly RunningPod[],
): Promise<readonly PodScrape[]> {
  return await readAll(pods.filter(isMeshed), async (pod) => {
    const { name, namespace = "default" } = pod.metadata;
    const lines: string[] = [];
    const path = `/api/v1/namespaces/${namespace}/pods/${name}:${relayPort}/proxy/metrics`;
    const onLine = (line: string): void => void lines.push(line);
    await cluster.client.stream(
      { method: "GET", path, accept: "text/plain" },
      { onOpen: () => {}, onLine },
    );
    return scrapeOf(`${namespace}/${name}`, identityOf(pod), lines.join("\n"));
  });
}

/** So many at once: an API server limits what one client may have running. */
const atOnce = 16;

async function readAll<P>(
  pods: readonly P[],
  read: (pod: P) => Promise<PodScrape>,
): Promise<readonly PodScrape[]> {
  const found: PodScrape[] = [];
  for (let from = 0; from < pods.length; from += atOnce) {
    const some = await Promise.allSettled(pods.slice(from, from + atOnce).map(read));
    for (const one of some) if (one.status === "fulfilled") found.push(one.value);
  }
  return found;
}

function scrapeOf(pod: string, identity: string, text: string): PodScrape {
  return { pod, identity, samples: parseMetricsText(text) };
}

function isMeshed(pod: RunningPod): boolean {
  return pod.status?.phase === "Running" && sidecarOf(pod) !== undefined;
}

function identityOf(pod: RunningPod): string {
  const { namespace = "default" } = pod.metadata;
  const variable = sidecarOf(pod)?.env?.find(({ name }) => name === "REMORA_TRUST_DOMAIN");
  const trustDomain = variable?.value ?? "cluster.local";
  const serviceAccount = pod.spec.serviceAccountName ?? "default";
  return formatSpiffeId({ trustDomain, namespace, serviceAccount });
}
