/** The room `kubernetes` against a real API server. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { pino } from "pino";
import { systemClock } from "../../src/core/clock.ts";
import { millis, seconds } from "../../src/core/duration.ts";
import { createKubernetesClient, type KubernetesClient } from "../../src/kubernetes/client.ts";
import { createEventRecorder } from "../../src/kubernetes/events.ts";
import { isConflict, isNotFound } from "../../src/kubernetes/kubernetes-error.ts";
import { type HeldLease, holdLease } from "../../src/kubernetes/lease.ts";
import type { RawObject } from "../../src/kubernetes/raw-object.ts";
import { type Kind, type KindWatch, watchKind } from "../../src/kubernetes/watch-kind.ts";
import { type ApiServer, startApiServer } from "../cluster/api-server.ts";
import { eventually } from "../control/eventually.ts";

const clock = systemClock;
const log = pino({ level: "silent" });
const configMaps = "/api/v1/namespaces/default/configmaps";
let server: ApiServer;
let client: KubernetesClient;

before(async () => {
  server = await startApiServer();
  client = createKubernetesClient({ kubeconfig: server.kubeconfig });
});
after(async () => {
  client.close();
  await server.close();
});

function follow(kind: Kind, pageSize = 500): KindWatch<string> {
  const trim = (raw: RawObject): string => {
    const data = raw["data"] as Readonly<Record<string, string>> | undefined;
    return data?.["value"] ?? "";
  };
  const backoff = { base: millis(50), max: millis(500) };
  return watchKind(client, kind, { trim, clock, log, limits: { pageSize, backoff } });
}

function put(name: string, value: string): Promise<unknown> {
  const metadata = { name, labels: { suite: "watch" } };
  return client.request({ method: "POST", path: configMaps, body: { metadata, data: { value } } });
}

const change = (name: string, value: string): Promise<unknown> =>
  client.request({
    method: "PATCH",
    path: `${configMaps}/${name}`,
    contentType: "application/merge-patch+json",
    body: { data: { value } },
  });

const remove = (name: string): Promise<unknown> =>
  client.request({ method: "DELETE", path: `${configMaps}/${name}` });

test("objects are listed in pages and followed, through a restart of the API server", async () => {
  for (const name of ["a", "b", "c", "d", "e"]) await put(name, "1");
  const watched = follow({ path: configMaps, labelSelector: "suite=watch" }, 2);
  await watched.synced;
  assert.deepEqual([...watched.current().keys()].sort(), [
    "default/a",
    "default/b",
    "default/c",
    "default/d",
    "default/e",
  ]);
  await change("a", "2");
  await remove("b");
  await eventually("the changes are known", () => {
    return watched.get("default/a") === "2" && watched.get("default/b") === undefined;
  });
  await server.stop("SIGKILL");
  assert.equal(watched.current().size, 4, "the last good state stays");
  await server.start();
  await change("c", "3");
  await eventually("the watch is there again", () => watched.get("default/c") === "3", 30_000);
  assert.equal(watched.current().size, 4);
  watched.close();
});

test("a kind of metadata only holds names and labels", async () => {
  const seen: RawObject[] = [];
  const trim = (raw: RawObject): string => {
    seen.push(raw);
    return raw.metadata.name;
  };
  const kind = { path: "/api/v1/namespaces", metadataOnly: true };
  const watched = watchKind(client, kind, { trim, clock, log });
  await watched.synced;
  assert.equal(watched.get("default"), "default");
  const body = { metadata: { name: "late" } };
  await client.request({ method: "POST", path: "/api/v1/namespaces", body });
  await eventually("a new one is seen", () => watched.get("late"));
  assert.ok(seen.every((raw) => raw["spec"] === undefined && raw["status"] === undefined));
  watched.close();
});

test("a kind whose definition comes later is empty until then", async () => {
  const path = "/apis/test.remora.dev/v1/things";
  const watched = follow({ path, optional: true });
  await watched.synced;
  assert.equal(watched.current().size, 0);
  await server.kubectl(["apply"], JSON.stringify(thingDefinition));
  const thing = { apiVersion: "test.remora.dev/v1", kind: "Thing", metadata: { name: "one" } };
  await eventually("the kind is served", async () => {
    const path = "/apis/test.remora.dev/v1/namespaces/default/things";
    return client.request({ method: "POST", path, body: thing }).catch(() => undefined);
  });
  await eventually("its object is known", () => watched.current().has("default/one"), 10_000);
  watched.close();
});

const thingDefinition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "things.test.remora.dev" },
  spec: {
    group: "test.remora.dev",
    scope: "Namespaced",
    names: { plural: "things", kind: "Thing" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object" } },
      },
    ],
  },
};

test("errors carry the API server's own word", async () => {
  await assert.rejects(remove("absent"), (error) => isNotFound(error));
  await put("twice", "1");
  await assert.rejects(put("twice", "1"), (error) => isConflict(error));
});

test("a user without rights is told so", async () => {
  const kubeconfig = await server.kubeconfigAs({ user: "nobody" });
  const nobody = createKubernetesClient({ kubeconfig });
  const asking = nobody.request({ method: "GET", path: configMaps });
  await assert.rejects(asking, { name: "KubernetesError", status: 403, reason: "Forbidden" });
  nobody.close();
});

test("of three replicas one leads, and when it stops another does at once", async () => {
  const times = { duration: seconds(4), renewWithin: seconds(3), every: millis(100) };
  const options = { namespace: "default", name: "lead", clock, log, times };
  const replicas = ["one", "two", "three"].map((holder) =>
    holdLease(client, { ...options, holder }),
  );
  const leaders = (): HeldLease[] => replicas.filter((replica) => replica.current());
  const [first] = await eventually("one leads", () => leaders().length > 0 && leaders());
  assert.equal(leaders().length, 1);
  const began = performance.now();
  await first?.close();
  const [second] = await eventually("another leads", () => leaders().length > 0 && leaders());
  assert.ok(performance.now() - began < 4_000, "it did not wait for the Lease to run out");
  assert.notEqual(second, first);
  assert.equal(leaders().length, 1);
  await Promise.all(replicas.map((replica) => replica.close()));
});

test("an event is there for people to see, counted up", async () => {
  const events = createEventRecorder(client, { component: "remora-test", clock, log });
  const made = await client.request<RawObject>({ method: "GET", path: `${configMaps}/twice` });
  const about = {
    apiVersion: "v1",
    kind: "ConfigMap",
    namespace: "default",
    name: "twice",
    uid: made.metadata.uid ?? "",
  };
  events.record({ about, type: "Warning", reason: "Tested", message: "it was tested" });
  await events.idle();
  const told = await server.kubectl(["describe", "configmap", "twice"]);
  assert.match(told, /Warning\s+Tested\s+.*remora-test\s+it was tested/);
});
