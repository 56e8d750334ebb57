/** What the webhook does to pods, to whom it does nothing, and what happens while it is away. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "../control/eventually.ts";
import {
  apply,
  awaitRollout,
  getObject,
  kubectl,
  makeNamespace,
  runToEnd,
  scriptContainer,
} from "./kube.ts";
import { installMesh, meshNamespace, uninstallMesh } from "./mesh.ts";

const optedIn = { "remora.dev/inject": "enabled" };
const hello = `require("node:http").createServer((q, s) => s.end(JSON.stringify(q.headers))).listen(8080)`;
const readinessProbe = { httpGet: { path: "/", port: 8080 }, periodSeconds: 1 };

interface Pod {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly initContainers?: readonly object[] };
}

interface Lease {
  readonly spec: { readonly holderIdentity: string };
}

describe("injection in a cluster", () => {
  before(() => installMesh());
  after(() => uninstallMesh());

  test("a Job in the mesh calls through its sidecar, and completes", async (context) => {
    const namespace = await makeNamespace(context, "kube-job", optedIn);
    await serveHello(namespace);
    const template = {
      spec: { restartPolicy: "Never", containers: [scriptContainer("caller", askHello("hello"))] },
    };
    const job = { apiVersion: "batch/v1", kind: "Job", metadata: { name: "caller" } };
    await apply(namespace, { ...job, spec: { template, backoffLimit: 0 } });
    await kubectl([
      "wait",
      "job/caller",
      "-n",
      namespace,
      "--for=condition=Complete",
      "--timeout=90s",
    ]);
    const log = await kubectl(["logs", "job/caller", "-n", namespace, "-c", "caller"]);
    assert.match(log, /"remora-client-id":"spiffe:\/\/cluster\.local\/ns\/kube-job\/sa\/default"/);
    const selector = ["-n", namespace, "-l", "job-name=caller"];
    const { items } = JSON.parse(await kubectl(["get", "pods", ...selector, "-o=json"])) as {
      readonly items: readonly Pod[];
    };
    assert.deepEqual(items.map(isInjected), [true]);
  });

  test("a namespace that has not opted in is left as it is, and calls the mesh in the clear", async (context) => {
    const meshed = await makeNamespace(context, "kube-in", optedIn);
    await serveHello(meshed);
    const outside = await makeNamespace(context, "kube-out");
    await apply(outside, pod("caller", askHello(`hello.${meshed}`)));
    const log = await runToEnd(outside, "caller");
    assert.match(log, /^\{"host":"hello\.kube-in/);
    assert.doesNotMatch(log, /remora/);
    assert.equal(isInjected(await getObject<Pod>(outside, "pod", "caller")), false);
    const maps = await kubectl(["get", "configmaps", "-n", outside, "-o=name"]);
    assert.equal(maps, "configmap/kube-root-ca.crt\n");
  });

  test("when an injector is killed, the other answers, and takes over what one replica does", async (context) => {
    const meshed = await makeNamespace(context, "kube-orphaned", optedIn);
    const holder = async (): Promise<string> =>
      (await getObject<Lease>(meshNamespace, "lease", "remora-injector")).spec.holderIdentity;
    const first = await holder();
    await kubectl(["delete", "pod", first, "-n", meshNamespace, "--grace-period=0", "--force"]);
    // For a moment the API server may still ask the one that is gone.
    await eventually("a pod in the mesh", () => isAccepted(meshed, "after"), 15_000);
    assert.equal(isInjected(await getObject<Pod>(meshed, "pod", "after")), true);
    // The Lease's duration, and a look at it.
    await eventually("another holder", async () => (await holder()) !== first, 20_000);
  });

  test("while the webhook is away, pods of the mesh are refused and all others start", async (context) => {
    const meshed = await makeNamespace(context, "kube-held", optedIn);
    const outside = await makeNamespace(context, "kube-free");
    const end = `console.log("done")`;
    await scaleInjector(0);
    await assert.rejects(apply(meshed, pod("first", end)), /failed calling webhook/);
    await apply(outside, pod("first", end));
    assert.equal(await runToEnd(outside, "first"), "done\n");
    const opted = { ...pod("opted", end), metadata: { name: "opted", labels: optedIn } };
    await assert.rejects(apply(outside, opted), /failed calling webhook/);
    await scaleInjector(2);
    // The API server learns of the webhook's new address through kube-proxy, some moments later.
    await eventually("a pod in the mesh", () => isAccepted(meshed, "second"), 30_000);
    assert.equal(await runToEnd(meshed, "second"), "done\n");
    assert.equal(isInjected(await getObject<Pod>(meshed, "pod", "second")), true);
  });
});

function isAccepted(namespace: string, name: string): Promise<boolean> {
  return apply(namespace, pod(name, `console.log("done")`)).then(
    () => true,
    () => false,
  );
}

/** Returns when as many replicas answer, or the last has gone. */
async function scaleInjector(replicas: number): Promise<void> {
  const deployment = "deployment/remora-injector";
  await kubectl(["scale", deployment, `--replicas=${replicas}`, "-n", meshNamespace]);
  await awaitRollout(meshNamespace, deployment);
  const selector = ["-l", "app.kubernetes.io/name=remora-injector", "-n", meshNamespace];
  if (replicas === 0) await kubectl(["wait", "pods", ...selector, "--for=delete", "--timeout=60s"]);
}

async function serveHello(namespace: string): Promise<void> {
  const labels = { app: "hello" };
  const template = {
    metadata: { labels },
    spec: { containers: [scriptContainer("hello", hello, { readinessProbe })] },
  };
  await apply(
    namespace,
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "hello" },
      spec: { selector: { matchLabels: labels }, template },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "hello" },
      spec: { selector: labels, ports: [{ port: 80, targetPort: 8080, appProtocol: "http" }] },
    },
  );
  await awaitRollout(namespace, "deployment/hello");
}

function askHello(host: string): string {
  return `fetch("http://${host}/").then(a => a.text()).then(console.log)`;
}

function pod(name: string, script: string): object {
  const spec = { restartPolicy: "Never", containers: [scriptContainer(name, script)] };
  return { apiVersion: "v1", kind: "Pod", metadata: { name }, spec };
}

function isInjected({ metadata, spec }: Pod): boolean {
  const annotated = metadata.annotations?.["remora.dev/injected"] !== undefined;
  assert.equal(spec.initContainers !== undefined, annotated);
  return annotated;
}
