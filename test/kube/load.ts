/** Servers in the mesh and a client that asks them all the time, to find out what a disturbance costs. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { eventually } from "../control/eventually.ts";
import {
  injectLabel,
  provideSources,
  samplesOf,
  sourceContainer,
  sourceVolume,
  sum,
} from "./app.ts";
import { apply, awaitRollout, kubectl, makeNamespace, runToEnd } from "./kube.ts";
import { remora } from "./mesh.ts";

/** Why there can be no load, if so: its programs run on the packages of the example's image. */
export const whyNoLoad: string | false =
  process.env["REMORA_SHOP_IMAGE"] === undefined && "REMORA_SHOP_IMAGE names no image";

export interface LoadResult {
  readonly requests: number;
  readonly echoes: number;
  readonly errors: number;
  readonly problems: readonly string[];
}

export interface Load {
  readonly namespace: string;
  /** Ends the client, and gives what it has seen. */
  end(): Promise<LoadResult>;
}

/** Fewer say too little, however slow the machine is. */
const leastRequests = 1_000;

/** The workloads that serve; each has two pods. The front asks the server of HTTP. */
export const servers: readonly string[] = ["front", "http1-server", "grpc-server", "tcp-server"];

const ports: Readonly<Record<string, number>> = {
  front: 8081,
  "http1-server": 8080,
  "grpc-server": 9090,
  "tcp-server": 7000,
};

/** These end with calls open. As any such server must, they wait until nobody is sent to them anymore. */
const cuts: ReadonlySet<string> = new Set(["grpc-server", "tcp-server"]);
/** The hook `sleep` is there from Kubernetes 1.30 on only. */
const sleepFive = { exec: { command: ["node", "-e", "setTimeout(() => {}, 5000)"] } };

/**
 * Starts servers and client in a namespace of their own; returns when the client asks. With `held` it also holds a
 * connection of TCP, which a pod that ends takes along by its nature.
 */
export async function startLoad(
  context: TestContext,
  name: string,
  { held }: { readonly held: boolean },
): Promise<Load> {
  const namespace = await makeNamespace(context, name, injectLabel);
  await provideSources(namespace);
  await apply(namespace, ...servers.flatMap(deployServer));
  for (const server of servers) await awaitRollout(namespace, `deployment/${server}`);
  const flags = ["--http=http://front:8081/", "--grpc=grpc-server:9090"];
  flags.push("--dial=tcp-server:7000");
  if (held) flags.push("--tcp=tcp-server:7000");
  await apply(namespace, runProgram("load", ["steady.ts", ...flags]));
  await eventually("the load", async () => (await countRequests(namespace)) > 100, 60_000);
  return { namespace, end: () => endLoad(namespace, context) };
}

/** Requests that the client's sidecar has seen end. */
export async function countRequests(namespace: string): Promise<number> {
  const samples = await samplesOf(namespace, "load").catch(() => []);
  return sum(samples, "remora_requests_total", { direction: "outbound" });
}

async function endLoad(namespace: string, context: TestContext): Promise<LoadResult> {
  const enough = async (): Promise<boolean> => (await countRequests(namespace)) > leastRequests;
  await eventually(`${leastRequests} requests`, enough, 60_000);
  // The pod takes its sidecar along, and what that knows of a failure.
  const failures = await remora("proxy", "failures", "load", "-n", namespace);
  const stop = ["node", "-e", "process.kill(1, 'SIGTERM')"];
  await kubectl(["exec", "load", "-n", namespace, "-c", "load", "--", ...stop]);
  const log = await runToEnd(namespace, "load");
  const result = JSON.parse(log.trim().split("\n").at(-1) ?? "") as LoadResult;
  context.diagnostic(
    `${result.requests} requests, ${result.echoes} echoes, ${result.errors} errors`,
  );
  if (result.errors > 0) context.diagnostic(failures);
  return result;
}

/** The client has noticed nothing. */
export function assertUnharmed(result: LoadResult): void {
  assert.deepEqual(result.problems, []);
  assert.equal(result.errors, 0);
  assert.ok(result.requests > leastRequests, `only ${result.requests} requests`);
}

/** A pod of Kubernetes that runs one of the programs to its end. */
function runProgram(name: string, command: readonly string[]): object {
  const spec = { restartPolicy: "Never", terminationGracePeriodSeconds: 5 };
  const containers = [sourceContainer(name, command)];
  const pod = { ...spec, containers, volumes: [sourceVolume] };
  return { apiVersion: "v1", kind: "Pod", metadata: { name }, spec: pod };
}

function deployServer(name: string): object[] {
  const port = ports[name];
  const labels = { app: name };
  const container = sourceContainer(name, [`${name}.ts`], {
    env: [{ name: "UPSTREAM", value: "http://http1-server:8080/length/100" }],
    readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
    ...(cuts.has(name) && { lifecycle: { preStop: sleepFive } }),
  });
  const spec = {
    replicas: 2,
    selector: { matchLabels: labels },
    strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    template: { metadata: { labels }, spec: { containers: [container], volumes: [sourceVolume] } },
  };
  return [
    { apiVersion: "apps/v1", kind: "Deployment", metadata: { name }, spec },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name },
      spec: { selector: labels, ports: [{ port }] },
    },
  ];
}
