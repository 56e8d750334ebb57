/** Certificates of seconds, under load: no creation of a pod is refused while they are replaced. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { connect } from "node:tls";
import { eventually } from "../control/eventually.ts";
import { findGo, noGo } from "../support/go-judge.ts";
import {
  type ClusterFixture,
  type Replica,
  startClusterFixture,
  webhookPath,
} from "./cluster-fixture.ts";

/** Renewed after 8 s, trusted 1.2 s before it is served, and its predecessor forgotten 3 s after that. */
const lifetime = { REMORA_INJECTOR_CERTIFICATE_LIFETIME: "12s" };
const longest = 60_000;

describe("a rotation under load", { skip: findGo() === undefined ? noGo : false }, () => {
  let cluster: ClusterFixture;
  let replicas: readonly Replica[];

  before(async () => {
    cluster = await startClusterFixture();
    replicas = await Promise.all(["a", "b"].map((name) => cluster.startReplica(name, lifetime)));
    cluster.route(...replicas);
    await cluster.createNamespace("shop", { labels: { "remora.dev/inject": "enabled" } });
    await eventually("the namespace's opt-in at the API server", async () => {
      const pod = await cluster.createPod("shop", {});
      return (pod.spec.initContainers ?? []).length === 2;
    });
  });
  after(() => cluster.close());

  test("every pod is injected while certificates come and go", {
    timeout: 2 * longest,
  }, async () => {
    const end = performance.now() + longest;
    const over = new AbortController();
    const creating = Array.from({ length: 4 }, () => createPods(cluster, over.signal));
    const certificates = watchCertificates(cluster, replicas, over.signal);
    await eventually(
      "two rotations from end to end",
      async () => {
        const counts = await Promise.all(replicas.map(countSteps));
        return counts.reduce((sum, { forget = 0 }) => sum + forget, 0) >= 2;
      },
      end - performance.now(),
    );
    over.abort();
    const created = (await Promise.all(creating)).reduce((sum, count) => sum + count, 0);
    const served = await certificates;
    assert.ok(created > 100, `${created} pods`);
    for (const serials of served) assert.ok(serials.size >= 3, `${serials.size} certificates`);
    assert.deepEqual(served[0], served[1]);
  });
});

/** Throws at the first pod that is refused, or that comes without its sidecar. Gives how many came. */
async function createPods(cluster: ClusterFixture, over: AbortSignal): Promise<number> {
  let count = 0;
  while (!over.aborted) {
    const pod = await cluster.createPod("shop", {}, { dryRun: "All" });
    assert.equal(pod.spec.initContainers?.length, 2);
    count += 1;
  }
  return count;
}

/** What new connections meet: each replica's certificate, under the authorities that were trusted just before. */
async function watchCertificates(
  cluster: ClusterFixture,
  replicas: readonly Replica[],
  over: AbortSignal,
): Promise<readonly ReadonlySet<string>[]> {
  const served = replicas.map(() => new Set<string>());
  while (!over.aborted) {
    const { webhooks } = await cluster.client.request<{
      webhooks: { clientConfig: { caBundle?: string } }[];
    }>({ method: "GET", path: webhookPath });
    const ca = Buffer.from(webhooks[0]?.clientConfig.caBundle ?? "", "base64").toString();
    for (const [index, { injector }] of replicas.entries()) {
      // Rejects when the certificate is not signed by one of these.
      const socket = connect({
        host: "127.0.0.1",
        port: injector.port,
        servername: "localhost",
        ca,
      });
      await once(socket, "secureConnect");
      served[index]?.add(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    }
  }
  return served;
}

async function countSteps(replica: Replica): Promise<Readonly<Record<string, number>>> {
  const text = await replica.metrics();
  const lines = text.matchAll(/certificate_steps_total\{step="(\w+)"\} (\d+)/g);
  return Object.fromEntries(Array.from(lines, ([, step, count]) => [step, Number(count)]));
}
