/**
 * Certificates of a minute, a root that is replaced, an API server that ends and one that nobody reaches: all under load that
 * must not notice. KUBE_OUTAGE_MINUTES says how long the API server is out of reach; continuous integration says ten.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { parseMetricsText } from "../../src/cli/traffic/metrics-text.ts";
import type { AuthorityStatus } from "../../src/identity/cluster/authority-status.ts";
import { eventually } from "../control/eventually.ts";
import {
  deployApps,
  execIn,
  injectLabel,
  isReady,
  type Pod,
  podOf,
  provideSources,
  restartsOf,
  sourceContainer,
  sourceVolume,
  sum,
} from "./app.ts";
import { apply, getObject, kubectl, makeNamespace, ownCluster, runToEnd } from "./kube.ts";
import { installMesh, meshNamespace, remora, uninstallMesh } from "./mesh.ts";

const outageMinutes = Number(process.env["KUBE_OUTAGE_MINUTES"] ?? 1);
const lifetime = "60s";
/** A certificate is renewed after half of its life, so renewals are the clock of this test. */
const renewalsPerMinute = 2;
const skip =
  ownCluster === undefined
    ? "the cluster is not this run's own"
    : process.env["REMORA_SHOP_IMAGE"] === undefined && "REMORA_SHOP_IMAGE names no image";

interface Steady {
  readonly requests: number;
  readonly echoes: number;
  readonly errors: number;
  readonly problems: readonly string[];
}

before(async () => {
  if (skip === false) await installMesh(`identity.leafLifetime=${lifetime}`);
});
after(async () => {
  if (skip === false) await uninstallMesh();
});

test("traffic notices neither new roots nor the API server's absence", {
  skip,
}, async (context) => {
  assert.ok(ownCluster);
  const cluster = ownCluster;
  const namespace = await makeNamespace(context, "kube-endurance", injectLabel);
  await startLoad(namespace);
  const server = await podOf(namespace, "server");
  const client = await getObject<Pod>(namespace, "pod", "steady");
  const programs = await meshPods();
  const isRenewed = async (times: number): Promise<void> => {
    const past = [renewalsOf(server), renewalsOf(client)];
    const limit = ((times + 2) * 60_000) / renewalsPerMinute;
    await eventually(
      `${times} renewals`,
      () => [server, client].every((pod, at) => renewalsOf(pod) >= (past[at] ?? 0) + times),
      limit,
      1_000,
    );
  };
  await isRenewed(1);
  context.diagnostic(`the root was replaced after ${await replaceRoot()} s`);

  await cluster.members.stop("kube-apiserver");
  await isRenewed(1);
  cluster.members.restart("kube-apiserver");
  await eventually("the API server", () => kubectl(["get", "nodes"]).catch(() => false), 60_000);

  cluster.partition(true);
  try {
    await isRenewed(outageMinutes * renewalsPerMinute);
  } finally {
    cluster.partition(false);
  }
  // The mesh learns again: a new app is reached by its name.
  await deployApps(namespace, { ...serverApp, name: "late" });
  const say = "(answer) => console.log(answer.status), (error) => console.log(error.cause?.code)";
  const ask = `fetch("http://late:8080/").then(${say})`;
  const isServed = async (): Promise<boolean> =>
    (await execIn(namespace, "server", ["node", "-e", ask])) === "200\n";
  // Whoever watches finds out by its own timers that its connection is dead; CoreDNS takes a minute.
  await eventually("the new app", isServed, 180_000, 1_000);

  const end = ["node", "-e", "process.kill(1)"];
  await kubectl(["exec", "steady", "-n", namespace, "-c", "steady", "--", ...end]);
  const log = await runToEnd(namespace, "steady");
  const result = JSON.parse(log.trim().split("\n").at(-1) ?? "") as Steady;
  context.diagnostic(`${JSON.stringify(result)}, ${renewalsOf(server)} renewals of the server`);
  assert.deepEqual(result.problems, []);
  assert.equal(result.errors, 0);
  assert.ok(result.requests > 1_000 && result.echoes > 1_000, log);
  assert.deepEqual(restartsOf(await podOf(namespace, "server")), {});
  const now = await meshPods();
  assert.deepEqual(now.map(nameOf), programs.map(nameOf));
  for (const pod of now) {
    assert.deepEqual(restartsOf(pod), {}, pod.metadata.name);
    assert.ok(isReady(pod), pod.metadata.name);
  }
});

const serverApp = {
  name: "server",
  containers: [
    sourceContainer("server", ["http1-server.ts"], {
      readinessProbe: { httpGet: { path: "/", port: 8080 }, periodSeconds: 1 },
    }),
    sourceContainer("tcp", ["tcp-server.ts"]),
    sourceContainer("grpc", ["grpc-server.ts"]),
  ],
  ports: { http: 8080, tcp: 7000, grpc: 9090 },
  volumes: [sourceVolume],
};

async function startLoad(namespace: string): Promise<void> {
  await provideSources(namespace);
  await deployApps(namespace, serverApp);
  const targets = ["--http=http://server:8080/", "--tcp=server:7000", "--grpc=server:9090"];
  // It asks all the time; what it leaves is for the files beside this one.
  const resources = { limits: { cpu: "250m" } };
  const container = sourceContainer("steady", ["steady.ts", ...targets], { resources });
  const spec = { restartPolicy: "Never", containers: [container], volumes: [sourceVolume] };
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "steady" }, spec };
  await apply(namespace, pod);
  await kubectl(["wait", "pod/steady", "-n", namespace, "--for=condition=Ready", "--timeout=60s"]);
}

/** Gives the seconds that it took. */
async function replaceRoot(): Promise<number> {
  const status = async (): Promise<AuthorityStatus> =>
    JSON.parse(await remora("ca", "status", "-o", "json")) as AuthorityStatus;
  const rootsOf = ({ roots }: AuthorityStatus): string[] =>
    roots.map(({ fingerprint }) => fingerprint);
  const before = await status();
  assert.equal(before.phase, "idle");
  const began = performance.now();
  await remora("ca", "rotate");
  const end = await eventually(
    "a new root alone",
    async () => {
      const now = await status();
      return now.phase === "idle" && now.roots[0]?.fingerprint !== rootsOf(before)[0] && now;
    },
    300_000,
    1_000,
  );
  assert.equal(end.roots.length, 1);
  assert.equal(end.roots[0]?.role, "current");
  return Math.round((performance.now() - began) / 1_000);
}

/** Asked from the node, so that no API server is needed. */
function renewalsOf({ status }: Pod): number {
  const url = `http://${status.podIP}:15020/metrics`;
  const text = ownCluster?.inside(["curl", "--silent", "--show-error", "--fail", url]) ?? "";
  return sum(parseMetricsText(text), "remora_certificate_renewals_total", { result: "ok" });
}

async function meshPods(): Promise<readonly Pod[]> {
  const text = await kubectl(["get", "pods", "-n", meshNamespace, "-o=json"]);
  return (JSON.parse(text) as { items: Pod[] }).items;
}

function nameOf({ metadata }: Pod): string {
  return metadata.name;
}
