/** What the mesh relies on, without the mesh: when one of these fails, look at the cluster first. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { imageFolder, sidecarNodeFlags } from "../../src/core/node-runtime.ts";
import { eventually } from "../control/eventually.ts";
import {
  apply,
  awaitRollout,
  getObject,
  image,
  kubectl,
  makeNamespace,
  ownCluster,
  runToEnd,
  scriptContainer,
} from "./kube.ts";

const server = `require("node:http").createServer((q, s) => s.end("hello " + q.url)).listen(8080)`;

test("a pod reaches a Service by its name", async (context) => {
  const namespace = await makeNamespace(context, "kube-service");
  const labels = { app: "web" };
  const template = {
    metadata: { labels },
    spec: { containers: [scriptContainer("web", server, { readinessProbe: readyOn(8080) })] },
  };
  await apply(
    namespace,
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web" },
      spec: { replicas: 2, selector: { matchLabels: labels }, template },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web" },
      spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
    },
  );
  await awaitRollout(namespace, "deployment/web");
  const names = ["web", `web.${namespace}.svc.cluster.local`];
  // kube-proxy hears of endpoints on its own, up to a second after the rollout is told to be complete.
  const ask = `(async () => { for (const name of ${JSON.stringify(names)})
    console.log(await (await get("http://" + name + "/there")).text()) })();
  function get(url) {
    return fetch(url).catch((error) => {
      if (error.cause?.code === "ECONNREFUSED") return get(url);
      throw error;
    });
  }`;
  await apply(namespace, pod("client", { containers: [scriptContainer("client", ask)] }));
  assert.equal(await runToEnd(namespace, "client"), "hello /there\nhello /there\n");
});

test("a native sidecar is ready before the next container starts, and lets the pod end", async (context) => {
  const namespace = await makeNamespace(context, "kube-sidecar");
  const call = `fetch("http://127.0.0.1:8080/x").then(a => a.text()).then(console.log)`;
  const sidecar = scriptContainer("sidecar", `setTimeout(() => { ${server} }, 1000)`, {
    restartPolicy: "Always",
    startupProbe: readyOn(8080),
  });
  await apply(
    namespace,
    pod("order", {
      initContainers: [sidecar, scriptContainer("second", call)],
      containers: [scriptContainer("app", call)],
      terminationGracePeriodSeconds: 1,
    }),
  );
  assert.equal(await runToEnd(namespace, "order"), "hello /x\n");
  assert.equal(await kubectl(["logs", "order", "-c", "second", "-n", namespace]), "hello /x\n");
});

test("a container that exceeds its memory limit is killed", async (context) => {
  const namespace = await makeNamespace(context, "kube-memory");
  const eat = `const kept = []; setInterval(() => kept.push(Buffer.alloc(8e6, 1)), 10)`;
  const resources = { limits: { memory: "96Mi" } };
  await apply(
    namespace,
    pod("eater", { containers: [scriptContainer("eater", eat, { resources })] }),
  );
  await assert.rejects(runToEnd(namespace, "eater"), /failed/);
  const { status } = await getObject(namespace, "pod", "eater");
  const [container] = status["containerStatuses"] as { state: { terminated: object } }[];
  assert.partialDeepStrictEqual(container?.state.terminated, { reason: "OOMKilled" });
});

test("the sidecar's program runs confined, and compiles nothing when it starts", async (context) => {
  const namespace = await makeNamespace(context, "kube-image");
  const proxy = {
    name: "proxy",
    image,
    command: ["node", ...sidecarNodeFlags(), `${imageFolder}/proxy.js`],
    env: [{ name: "NODE_DEBUG_NATIVE", value: "COMPILE_CACHE" }],
    securityContext: {
      runAsUser: 15_008,
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    },
  };
  await apply(namespace, pod("proxy", { containers: [proxy] }));
  const failure = await runToEnd(namespace, "proxy").then(String, String);
  assert.match(failure, /proxy: REMORA_POD_NAME is not set/);
  assert.match(failure, /V8 code cache for ESM file:\/\/\/opt\/remora\/proxy\.js was accepted/);
  assert.doesNotMatch(failure, /Warning/);
});

test("pods outlive a restart of the API server", {
  skip: ownCluster === undefined ? "the cluster is not this run's own" : false,
}, async (context) => {
  const namespace = await makeNamespace(context, "kube-restart");
  await apply(namespace, pod("lasting", { containers: [scriptContainer("lasting", server)] }));
  const running = (): Promise<boolean> =>
    getObject(namespace, "pod", "lasting").then(({ status }) => status["phase"] === "Running");
  await eventually("a running pod", running, 60_000);
  const before = await getObject(namespace, "pod", "lasting");
  assert.ok(ownCluster);
  await ownCluster.members.stop("kube-apiserver");
  await assert.rejects(kubectl(["get", "nodes"]), /refused/);
  ownCluster.members.restart("kube-apiserver");
  await eventually("the API server", () => running().catch(() => false), 60_000);
  const after = await getObject(namespace, "pod", "lasting");
  assert.equal(after.metadata.uid, before.metadata.uid);
  const [container] = after.status["containerStatuses"] as { restartCount: number }[];
  assert.equal(container?.restartCount, 0);
});

function pod(name: string, spec: object): object {
  const metadata = { name };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: { restartPolicy: "Never", ...spec } };
}

function readyOn(port: number): object {
  return { httpGet: { path: "/", port }, periodSeconds: 1, failureThreshold: 60 };
}
