import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { createKubernetesClient, type KubernetesClient } from "../../src/kubernetes/client.ts";
import { readOwnedMetadata } from "../../src/kubernetes/owner.ts";
import {
  type ScriptedApiServer,
  sendJson,
  sendStatus,
  startScriptedApiServer,
} from "./scripted-api-server.ts";

let server: ScriptedApiServer;
let client: KubernetesClient;

beforeEach(async () => {
  server = await startScriptedApiServer();
  client = createKubernetesClient({ kubeconfig: server.kubeconfig });
});
afterEach(async () => {
  client.close();
  await server.close();
});

test("what is created belongs to the program's ClusterRole", async () => {
  const owned = readOwnedMetadata(client, "remora-control");
  const { url, answer } = await server.next();
  assert.equal(url.pathname, "/apis/rbac.authorization.k8s.io/v1/clusterroles/remora-control");
  sendJson(answer, 200, { metadata: { name: "remora-control", uid: "17" } });
  const apiVersion = "rbac.authorization.k8s.io/v1";
  assert.deepEqual((await owned).ownerReferences, [
    { apiVersion, kind: "ClusterRole", name: "remora-control", uid: "17" },
  ]);
});

test("without that ClusterRole there is no owner, and the label all the same", async () => {
  const owned = readOwnedMetadata(client, "remora-control");
  sendStatus((await server.next()).answer, 404, "NotFound");
  assert.deepEqual(await owned, { labels: { "app.kubernetes.io/managed-by": "remora" } });
});
