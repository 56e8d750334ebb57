/** What the tests of a cluster ask of it. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { type Cluster, openCluster } from "../cluster/cluster.ts";
import { buildKubectl } from "../cluster/programs.ts";
import { eventually } from "../control/eventually.ts";

const run = promisify(execFile);
const program = await buildKubectl();

/** The image of the mesh, which also holds Node for whatever a test's pods do. */
export const image: string = required("REMORA_IMAGE");

/** Undefined when the cluster is a foreign one, whose programs nobody may stop here. */
export const ownCluster: Cluster | undefined = openCluster(process.env["REMORA_CLUSTER"] ?? "");

export const project: string = join(import.meta.dirname, "../..");

/** An object of any kind, as tests look at it. */
export interface KubeObject {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: Readonly<Record<string, unknown>>;
}

/** Runs kubectl and gives what it printed; throws with what it said when it fails. */
export async function kubectl(args: readonly string[], input?: string): Promise<string> {
  const running = run(program, [...args], { maxBuffer: 64 * 1024 * 1024 });
  // One that ends at once does not read what it is given; its exit says why.
  running.child.stdin?.on("error", () => {});
  running.child.stdin?.end(input ?? "");
  return (await running).stdout;
}

export async function apply(namespace: string, ...objects: readonly object[]): Promise<void> {
  // As JSON: "no" is false in kubectl's YAML.
  const list = { apiVersion: "v1", kind: "List", items: objects };
  await kubectl(["apply", "--namespace", namespace, "-f", "-"], JSON.stringify(list));
}

export async function getObject<T = KubeObject>(
  namespace: string,
  kind: string,
  name: string,
): Promise<T> {
  return JSON.parse(await kubectl(["get", kind, name, "-n", namespace, "-o=json"])) as T;
}

/** A namespace of the test's own, gone when the test ends. */
export async function makeNamespace(
  context: TestContext,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<string> {
  const object = { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
  await kubectl(["create", "-f", "-"], JSON.stringify(object));
  context.after(() => kubectl(["delete", "namespace", name, "--wait=false"]));
  // Pods are refused until the controllers have made their account.
  await eventually(
    `the account of ${name}`,
    () => found(name, "serviceaccount", "default"),
    30_000,
  );
  return name;
}

/** Waits until the workload has all its replicas; says how its pods are when it does not get there. */
export async function awaitRollout(namespace: string, workload: string): Promise<void> {
  const waiting = ["rollout", "status", workload, "-n", namespace, "--timeout=180s"];
  await kubectl(waiting).catch(async (error: unknown) => {
    const pods = await kubectl(["describe", "pods", "-n", namespace]);
    throw new Error(`${workload} has not rolled out:\n${pods}`, { cause: error });
  });
}

/** Waits until the pod has ended, and gives its log; throws with the log when it failed. */
export async function runToEnd(namespace: string, pod: string): Promise<string> {
  const phase = await eventually(
    `the end of the pod ${pod}`,
    async () => {
      const { status } = await getObject(namespace, "pod", pod);
      const phase = String(status["phase"]);
      return phase === "Succeeded" || phase === "Failed" ? phase : undefined;
    },
    120_000,
  );
  const log = await kubectl(["logs", pod, "-n", namespace]);
  if (phase === "Failed") throw new Error(`the pod ${pod} failed:\n${log}`);
  return log;
}

/** A pod's container that runs a piece of JavaScript. */
export function scriptContainer(name: string, script: string, more: object = {}): object {
  return { name, image, imagePullPolicy: "IfNotPresent", command: ["node", "-e", script], ...more };
}

async function found(namespace: string, kind: string, name: string): Promise<boolean> {
  return kubectl(["get", kind, name, "-n", namespace]).then(
    () => true,
    () => false,
  );
}

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run these with npm run test:kube`);
  return value;
}
