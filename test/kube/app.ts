/** Apps of the tests as a cluster has them: each with an account, a Deployment and a Service of its name. */
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseMetricsText, type Sample } from "../../src/cli/traffic/metrics-text.ts";
import { apply, awaitRollout, kubectl, project } from "./kube.ts";

export const injectLabel = { "remora.dev/inject": "enabled" } as const;

export interface App {
  readonly name: string;
  /** The first one is asked by `execIn`. */
  readonly containers: readonly object[];
  /** Of the Service and of the containers alike, by name; the name may tell the protocol. */
  readonly ports?: Readonly<Record<string, number>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly volumes?: readonly object[];
}

/** What the tests look at in a pod. */
export interface Pod {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly initContainers?: readonly { readonly name: string }[] };
  readonly status: {
    readonly podIP: string;
    readonly conditions: readonly { readonly type: string; readonly status: string }[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses: readonly ContainerStatus[];
  };
}

interface ContainerStatus {
  readonly name: string;
  readonly restartCount: number;
  /** How it ended the last time. */
  readonly lastState?: { readonly terminated?: object };
}

/** Returns when all of them are ready. */
export async function deployApps(namespace: string, ...apps: readonly App[]): Promise<void> {
  await apply(namespace, ...apps.flatMap(objectsOf));
  for (const { name } of apps) await awaitRollout(namespace, `deployment/${name}`);
}

function objectsOf({
  name,
  containers,
  ports = {},
  annotations = {},
  volumes = [],
}: App): object[] {
  const labels = { app: name };
  const metadata = { name };
  const spec = {
    serviceAccountName: name,
    terminationGracePeriodSeconds: 2,
    containers,
    volumes,
  };
  const template = { metadata: { labels, annotations }, spec };
  const selector = { matchLabels: labels };
  const servicePorts = Object.entries(ports).map(([name, port]) => ({ name, port }));
  const service = { selector: labels, ports: servicePorts };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    { apiVersion: "apps/v1", kind: "Deployment", metadata, spec: { selector, template } },
    ...(servicePorts.length === 0
      ? []
      : [{ apiVersion: "v1", kind: "Service", metadata, spec: service }]),
  ];
}

/** The only pod of an app. */
export async function podOf(namespace: string, app: string): Promise<Pod> {
  const text = await kubectl(["get", "pods", "-n", namespace, "-l", `app=${app}`, "-o=json"]);
  const { items } = JSON.parse(text) as { items: Pod[] };
  const [pod] = items;
  if (pod === undefined || items.length > 1) throw new Error(`${app} has ${items.length} pods`);
  return pod;
}

/** How often any of its containers was started again, by name; without those that never were. */
export function restartsOf({ status }: Pod): Record<string, number> {
  const all = [...(status.initContainerStatuses ?? []), ...status.containerStatuses];
  return Object.fromEntries(
    all.filter((one) => one.restartCount > 0).map((one) => [one.name, one.restartCount]),
  );
}

/** How each of its containers ended that was started again, and why the kubelet ended it if it did: for the message of a failure. */
export async function endsOf(namespace: string, { metadata, status }: Pod): Promise<string> {
  const all = [...(status.initContainerStatuses ?? []), ...status.containerStatuses];
  const ends = all.filter(({ restartCount }) => restartCount > 0);
  if (ends.length === 0) return "";
  const events = ["get", "events", "-n", namespace, "--field-selector"];
  const said = await kubectl([...events, `involvedObject.name=${metadata.name}`]);
  return `${JSON.stringify(ends.map(({ name, lastState }) => ({ name, ...lastState?.terminated })))}\n${said}`;
}

export function isReady({ status }: Pod): boolean {
  return status.conditions.some((one) => one.type === "Ready" && one.status === "True");
}

export async function execIn(
  namespace: string,
  app: string,
  command: readonly string[],
): Promise<string> {
  return kubectl(["exec", `deployment/${app}`, "-n", namespace, "-c", app, "--", ...command]);
}

/** What the sidecar of a pod counts. */
export async function samplesOf(namespace: string, pod: string): Promise<readonly Sample[]> {
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}:15020/proxy/metrics`;
  return parseMetricsText(await kubectl(["get", "--raw", path]));
}

/** The sum of all samples of that name whose labels include the given ones. */
export function sum(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  return samples
    .filter((one) => one.name === name)
    .filter((one) => Object.entries(labels).every(([key, value]) => one.labels[key] === value))
    .reduce((total, { value }) => total + value, 0);
}

const sourceRoot = "/home/node/source";
/** Where a pod finds test/apps. */
export const sourceFolder: string = `${sourceRoot}/test/apps`;

/** The programs of test/apps and what they import of the project, which keep their places to each other. */
const sources: readonly string[] = [
  "src/core/collector.ts",
  "src/core/end-process.ts",
  ...globSync("test/apps/*.{ts,py}", { cwd: project }).filter((file) => !file.endsWith(".test.ts")),
];

/** Puts `sources` into the namespace, for `sourceContainer`. */
export async function provideSources(namespace: string): Promise<void> {
  const data = Object.fromEntries(
    sources.map((file) => [basename(file), readFileSync(join(project, file), "utf8")]),
  );
  await apply(namespace, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "apps" }, data });
}

export const sourceVolume: object = {
  name: "apps",
  configMap: { name: "apps", items: sources.map((path) => ({ key: basename(path), path })) },
};
export const sourceMount: object = { name: "apps", mountPath: sourceRoot };

/** A container that runs a program of test/apps; the example's image has the packages that these import. */
export function sourceContainer(
  name: string,
  command: readonly string[],
  more: object = {},
): object {
  const [file = "", ...args] = command;
  return {
    name,
    image: process.env["REMORA_SHOP_IMAGE"],
    imagePullPolicy: "IfNotPresent",
    command: ["node", `${sourceFolder}/${file}`, ...args],
    volumeMounts: [sourceMount],
    ...more,
  };
}
