/** What an operator asks a running mesh, and what a stranger in the cluster may throw at its webhook. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { CertificatesPage } from "../../src/api/sidecar-pages.ts";
import type { AuthorityStatus } from "../../src/identity/cluster/authority-status.ts";
import { eventually } from "../control/eventually.ts";
import { deployApps, execIn, injectLabel, type Pod, podOf, restartsOf } from "./app.ts";
import { apply, kubectl, makeNamespace, runToEnd, scriptContainer } from "./kube.ts";
import { installMesh, meshNamespace, remora, uninstallMesh } from "./mesh.ts";

const server = scriptContainer(
  "server",
  `require("node:http").createServer((q, s) => s.end("hello")).listen(8080)`,
  { readinessProbe: { httpGet: { path: "/", port: 8080 }, periodSeconds: 1 } },
);
const client = scriptContainer("client", "setInterval(() => {}, 1e6)");
const ask = `fetch("http://server:8080/").then((answer) => console.log(answer.status))`;

/** Sends each of these to the webhook's Service as anybody in the cluster can, and prints the status of each answer. */
const attack = `
const https = require("node:https"), tls = require("node:tls");
const host = "remora-injector.${meshNamespace}.svc";
const agent = new https.Agent({ keepAlive: true, rejectUnauthorized: false });
const review = (request, more) => JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request, ...more });
const pod = { uid: "1", kind: { group: "", version: "v1", kind: "Pod" }, resource: { group: "", version: "v1", resource: "pods" }, operation: "CREATE", namespace: "shop" };
const send = (name, body, { method = "POST", path = "/inject", type = "application/json" } = {}) => new Promise((resolve) => {
  const call = https.request({ host, agent, method, path, headers: { "content-type": type } }, (response) => {
    response.resume().on("end", () => resolve(console.log(name, response.statusCode)));
  });
  call.on("error", () => resolve(console.log(name, "cut")));
  call.end(body);
});
(async () => {
  await send("not-json", "}{");
  await send("empty", "");
  await send("torn", review(pod).slice(0, 40));
  await send("deep", "[".repeat(1e6));
  await send("no-request", review(undefined));
  await send("old-version", review(pod, { apiVersion: "admission.k8s.io/v1beta1" }));
  await send("other-kind", JSON.stringify({ apiVersion: "v1", kind: "Secret" }));
  await send("no-object", review(pod));
  await send("odd-object", review({ ...pod, object: { metadata: [], spec: { containers: [null, 1, { name: {} }] } } }));
  await send("polluted", review(pod).replace('"namespace"', '"__proto__":{"a":1},"namespace"'));
  await send("too-large", review({ ...pod, object: "x".repeat(5e6) }));
  await send("other-path", "{}", { path: "/../../etc/passwd" });
  await send("other-method", undefined, { method: "DELETE" });
  // Connections that say nothing, and one that is no TLS at all, are left open while the next pod is made.
  for (let count = 0; count < 50; count += 1) tls.connect({ host, port: 443, rejectUnauthorized: false }).on("error", () => {});
  require("node:net").connect(443, host, function () { this.write("GET / HTTP/1.1\\r\\n\\r\\n") }).on("error", () => {}).on("close", () => {
    console.log("done");
    process.exit(0);
  });
})();
`;

describe("operating a mesh in a cluster", () => {
  before(() => installMesh());
  after(() => uninstallMesh());

  test("remora check finds nothing wrong, and remora proxy and ca tell of the pods", async (context) => {
    const namespace = await makeNamespace(context, "kube-operator", injectLabel);
    const ports = { http: 8080 };
    await deployApps(
      namespace,
      { name: "server", containers: [server], ports },
      { name: "client", containers: [client] },
    );
    assert.equal(await execIn(namespace, "client", ["node", "-e", ask]), "200\n");

    assert.match(await remora("check", "--wait"), /, 0 wrong\n$/);
    const certs = await remora("proxy", "certs", "deploy/server", "-n", namespace, "-o", "json");
    const { certificate, trustBundle } = JSON.parse(certs) as CertificatesPage;
    const id = `spiffe://cluster.local/ns/${namespace}/sa/server`;
    assert.equal(certificate?.id, id);
    const endpoints = await remora("proxy", "endpoints", "deploy/client", "-n", namespace);
    const { status } = await podOf(namespace, "server");
    const line = endpoints.split("\n").find((one) => one.includes(`${status.podIP}:8080`));
    assert.match(line ?? "", new RegExp(`${namespace}/server .* good .* ${id}$`), endpoints);
    const config = await remora("proxy", "config", "deploy/client", "-n", namespace, "-o", "json");
    assert.match(config, /"client/);

    // The leader looks once a minute while nothing is replaced.
    const authority = await eventually(
      "a status that knows of both pods and of both control replicas",
      async () => {
        const now = JSON.parse(await remora("ca", "status", "-o", "json")) as AuthorityStatus;
        return now.pods.total === 4 && now.pods.starting === 0 && now;
      },
      90_000,
      1_000,
    );
    assert.partialDeepStrictEqual(authority, { phase: "idle", origin: "own", notes: [] });
    assert.deepEqual(authority.pods.bundles, { [trustBundle.hash]: 4 });
    assert.equal(authority.roots.length, 1);
  });

  test("reviews that no API server sends are refused, and pods are injected as before", async (context) => {
    const outside = await makeNamespace(context, "kube-hostile");
    const spec = { restartPolicy: "Never", containers: [scriptContainer("attacker", attack)] };
    const attacker = { apiVersion: "v1", kind: "Pod", metadata: { name: "attacker" }, spec };
    await apply(outside, attacker);
    const answers = (await runToEnd(outside, "attacker")).trim().split("\n");
    assert.equal(answers.pop(), "done");
    assert.deepEqual(answers, [
      "not-json 400",
      "empty 400",
      "torn 400",
      "deep 400",
      "no-request 400",
      "old-version 400",
      "other-kind 400",
      "no-object 200",
      "odd-object 200",
      "polluted 200",
      "too-large 413",
      "other-path 404",
      "other-method 405",
    ]);
    const namespace = await makeNamespace(context, "kube-hostile-next", injectLabel);
    await deployApps(namespace, { name: "server", containers: [server] });
    const { spec: patched } = await podOf(namespace, "server");
    const names = patched.initContainers?.map(({ name }) => name);
    assert.deepEqual(names, ["remora-init", "remora-proxy"]);
    const query = ["-n", meshNamespace, "-l", "app.kubernetes.io/name=remora-injector"];
    const text = await kubectl(["get", "pods", ...query, "-o=json"]);
    const { items } = JSON.parse(text) as { items: Pod[] };
    assert.equal(items.length, 2);
    for (const pod of items) assert.deepEqual(restartsOf(pod), {}, pod.metadata.name);
  });
});
