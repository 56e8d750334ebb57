/** The injector beside a real API server: what `kubectl` and every controller would meet. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "../control/eventually.ts";
import { findGo, noGo } from "../support/go-judge.ts";
import {
  type ClusterFixture,
  type Pod,
  type Replica,
  startClusterFixture,
  webhookPath,
} from "./cluster-fixture.ts";

import { startOtherWebhook } from "./other-webhook.ts";

const enabled = { labels: { "remora.dev/inject": "enabled" } };
const meshed = ["remora-init", "remora-proxy"];
const secretPath = "/api/v1/namespaces/remora-system/secrets/remora-injector-certificate";

function initNames(pod: Pod): readonly string[] {
  return (pod.spec.initContainers ?? []).map(({ name }) => name);
}

function proxyEnv(pod: Pod, name: string): string | undefined {
  const proxy = pod.spec.initContainers?.find((container) => container.name === "remora-proxy");
  return proxy?.env?.find((entry) => entry.name === name)?.value;
}

describe("two injectors and an API server", { skip: findGo() === undefined ? noGo : false }, () => {
  let cluster: ClusterFixture;
  let first: Replica;
  let second: Replica;

  before(async () => {
    cluster = await startClusterFixture();
    await cluster.createNamespace("old");
    await cluster.createPod("old", { metadata: { name: "early" } });
    [first, second] = await Promise.all([cluster.startReplica("a"), cluster.startReplica("b")]);
    cluster.route(first, second);
    await cluster.createNamespace("shop", enabled);
    await cluster.createNamespace("plain");
  });
  after(() => cluster.close());

  test("a pod of a namespace that opted in is injected", async () => {
    const pod = await cluster.createPod("shop", {
      spec: { initContainers: [{ name: "migrate", image: "m" }] },
    });
    assert.deepEqual(initNames(pod), [...meshed, "migrate"]);
    assert.equal(pod.metadata.annotations?.["remora.dev/injected"], "1.2.3");
  });

  test("pods outside, pods that opt out, and pods of the mesh's own namespace are untouched", async () => {
    const disabled = { labels: { "remora.dev/inject": "disabled" } };
    assert.deepEqual(initNames(await cluster.createPod("plain", {})), []);
    assert.deepEqual(initNames(await cluster.createPod("shop", { metadata: disabled })), []);
    assert.deepEqual(
      initNames(await cluster.createPod("remora-system", { metadata: enabled })),
      [],
    );
    assert.deepEqual(initNames(await cluster.createPod("plain", { metadata: enabled })), meshed);
  });

  test("annotations of a namespace tune its pods from the first one on, and the pod's own win", async () => {
    const annotations = {
      "config.remora.dev/opaque-ports": "5432",
      "config.remora.dev/log-level": "debug",
    };
    // The API servers' own view of namespaces lags a little too.
    const tuned = await eventually("a pod that is asked about", async () => {
      const name = `tuned-${process.hrtime.bigint()}`;
      await cluster.createNamespace(name, { ...enabled, annotations });
      const own = { annotations: { "config.remora.dev/log-level": "warn" } };
      const pod = await cluster.createPod(name, { metadata: own });
      return initNames(pod).length > 0 && pod;
    });
    assert.equal(proxyEnv(tuned, "REMORA_OPAQUE_PORTS"), "5432");
    assert.equal(proxyEnv(tuned, "REMORA_LOG_LEVEL"), "warn");
  });

  test("containers that another webhook adds later are behind the sidecar too, and their probes relayed", async (t) => {
    await cluster.createNamespace("vault", enabled);
    const other = await startOtherWebhook(cluster, "vault");
    t.after(() => other.close());
    const pod = await eventually("a pod that both are asked about", async () => {
      const pod = await cluster.createPod("vault", {});
      return pod.spec.containers.length === 2 && initNames(pod).length > 1 && pod;
    });
    assert.deepEqual(initNames(pod), [...meshed, "secrets-init"]);
    const probes = JSON.parse(proxyEnv(pod, "REMORA_PROBES") ?? "") as object;
    assert.deepEqual(Object.keys(probes), ["/probe/agent/readiness"]);
  });

  test("a pod that conflicts is refused with the sentence that says why", async () => {
    const creation = cluster.createPod("shop", {
      spec: { securityContext: { runAsUser: 15_008 } },
    });
    await assert.rejects(creation, /denied the request: container "web" runs as uid 15008/);
  });

  test("a dry run gives the patched pod, and neither a pod nor an Event", async () => {
    await cluster.createNamespace("dry", enabled);
    const owner = await createOwner(cluster, "dry");
    const dry = { dryRun: "All" };
    const injected = await eventually("a pod that is asked about", async () => {
      const pod = await cluster.createPod("dry", {}, dry);
      return initNames(pod).length > 0 && pod;
    });
    assert.deepEqual(initNames(injected), meshed);
    const wish = { metadata: { ownerReferences: [owner] }, spec: { hostNetwork: true } };
    await cluster.createPod("dry", wish, dry);
    // What comes after the dry run in the queue is there, and nothing before it.
    await cluster.createPod("dry", wish);
    await eventually("the Event", async () => (await cluster.events("dry")).length > 0);
    assert.equal((await cluster.events("dry")).length, 1);
  });

  test("a skip is an Event of the pod's owner, with the reason", async () => {
    const owner = await createOwner(cluster, "shop");
    const metadata = { ownerReferences: [owner] };
    const pod = await cluster.createPod("shop", { metadata, spec: { hostNetwork: true } });
    assert.deepEqual(initNames(pod), []);
    const event = await eventually("the Event", async () =>
      (await cluster.events("shop")).find(({ involvedObject }) => involvedObject.uid === owner.uid),
    );
    assert.deepEqual([event.type, event.reason], ["Warning", "InjectionSkipped"]);
    assert.match(event.message, /the node's network/);
    const described = await cluster.server.kubectl([
      "describe",
      "-n",
      "shop",
      "replicaset",
      owner.name,
    ]);
    assert.match(described, /InjectionSkipped .*remora-injector .*the node's network/);
  });

  test("the restricted pod security standard refuses the rules container alone", async () => {
    const labels = { ...enabled.labels, "pod-security.kubernetes.io/enforce": "restricted" };
    await cluster.createNamespace("strict", { labels });
    const confined = {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
    };
    const containers = [{ name: "web", image: "web", securityContext: confined }];
    const message = await eventually("a pod that is asked about", () =>
      cluster.createPod("strict", { spec: { containers } }).then(
        () => undefined,
        (error: unknown) => String(error),
      ),
    );
    assert.match(
      message,
      /violates PodSecurity "restricted.*container "remora-init" must not include "NET_ADMIN", "NET_RAW"/,
    );
    assert.doesNotMatch(message, /remora-proxy/);
  });

  test("pods that are older than the opt-in are counted and told of", async () => {
    await cluster.server.kubectl(["label", "namespace", "old", "remora.dev/inject=enabled"]);
    const holder = await eventually("the Lease", () => holderOf(cluster, { a: first, b: second }));
    await eventually(
      "the metric",
      async () =>
        /unmeshed_pods\{namespace="old",reason="not_injected"\} 1\n/.test(await holder.metrics()),
      20_000,
    );
    const [event] = await eventually("the Event", async () => {
      const events = await cluster.events("old");
      return events.length > 0 && events;
    });
    assert.deepEqual([event?.reason, event?.involvedObject.name], ["NotMeshed", "early"]);
    const other = holder === first ? second : first;
    assert.doesNotMatch(await other.metrics(), /unmeshed_pods\{/);
  });

  test("a caBundle that somebody resets is written again at once", async () => {
    const before = await bundleOf(cluster);
    const reset = [{ op: "replace", path: "/webhooks/1/clientConfig/caBundle", value: "" }];
    await cluster.client.request({
      method: "PATCH",
      path: webhookPath,
      contentType: "application/json-patch+json",
      body: reset,
    });
    await eventually("the caBundle", async () => (await bundleOf(cluster)) === before);
  });

  test("a Secret that somebody deletes comes back as it was", async () => {
    const read = () =>
      cluster.client.request<{ data: Record<string, string>; metadata: { uid: string } }>({
        method: "GET",
        path: secretPath,
      });
    const { data, metadata } = await read();
    await cluster.client.request({ method: "DELETE", path: secretPath });
    const again = await eventually("the Secret", async () => {
      const secret = await read().catch(() => undefined);
      return secret !== undefined && secret.metadata.uid !== metadata.uid && secret;
    });
    assert.deepEqual(again.data, data);
    assert.deepEqual(initNames(await cluster.createPod("shop", {})), meshed);
  });

  test("what is made at run time is owned by the ClusterRole", async () => {
    const lease = "/apis/coordination.k8s.io/v1/namespaces/remora-system/leases/remora-injector";
    for (const path of [secretPath, lease]) {
      const { metadata } = await cluster.client.request<{
        metadata: {
          labels: Record<string, string>;
          ownerReferences: { kind: string; name: string }[];
        };
      }>({ method: "GET", path });
      assert.equal(metadata.labels["app.kubernetes.io/managed-by"], "remora");
      const [owner] = metadata.ownerReferences;
      assert.deepEqual([owner?.kind, owner?.name], ["ClusterRole", "remora-injector"]);
    }
  });

  test("the other replica takes over, and without any only pods of the mesh are refused", async () => {
    const holder = await eventually("the Lease", () => holderOf(cluster, { a: first, b: second }));
    const other = holder === first ? second : first;
    cluster.route(other);
    await holder.close();
    assert.deepEqual(initNames(await cluster.createPod("shop", {})), meshed);
    await eventually(
      "the other holds the Lease",
      async () => (await holderOf(cluster, { a: first, b: second })) === other,
      30_000,
    );
    cluster.route();
    await other.close();
    await assert.rejects(cluster.createPod("shop", {}), /failed calling webhook/);
    assert.deepEqual(initNames(await cluster.createPod("plain", {})), []);
    const disabled = { labels: { "remora.dev/inject": "disabled" } };
    assert.deepEqual(initNames(await cluster.createPod("shop", { metadata: disabled })), []);
  });
});

interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller: boolean;
}

/** A ReplicaSet that nobody acts on. */
async function createOwner(cluster: ClusterFixture, namespace: string): Promise<OwnerReference> {
  const labels = { app: "web" };
  const { metadata } = await cluster.client.request<Pod>({
    method: "POST",
    path: `/apis/apps/v1/namespaces/${namespace}/replicasets`,
    body: {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: { generateName: "web-" },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: "web", image: "web" }] } },
      },
    },
  });
  const { name, uid } = metadata;
  return { apiVersion: "apps/v1", kind: "ReplicaSet", name, uid, controller: true };
}

async function bundleOf(cluster: ClusterFixture): Promise<string | undefined> {
  const { webhooks } = await cluster.client.request<{
    webhooks: { clientConfig: { caBundle?: string } }[];
  }>({ method: "GET", path: webhookPath });
  const bundles = new Set(webhooks.map(({ clientConfig }) => clientConfig.caBundle));
  return bundles.size === 1 ? webhooks[0]?.clientConfig.caBundle : undefined;
}

async function holderOf(
  cluster: ClusterFixture,
  replicas: Readonly<Record<string, Replica>>,
): Promise<Replica | undefined> {
  const path = "/apis/coordination.k8s.io/v1/namespaces/remora-system/leases/remora-injector";
  const { spec } = await cluster.client.request<{ spec: { holderIdentity?: string } }>({
    method: "GET",
    path,
  });
  return replicas[spec.holderIdentity ?? ""];
}
