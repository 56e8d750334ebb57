/** A real API server that asks injectors of this process; a small TCP relay stands for their Service. */

import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { type Logger, pino } from "pino";
import { parseAllDocuments } from "yaml";
import { type RunningInjector, startInjector } from "../../injector/app.ts";
import { readInjectorConfig } from "../../injector/config.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createKubernetesClient, type KubernetesClient } from "../../src/kubernetes/client.ts";
import { type ApiServer, startApiServer } from "../cluster/api-server.ts";
import { eventually } from "../control/eventually.ts";

export type Fields = Readonly<Record<string, unknown>>;

export interface Replica {
  readonly injector: RunningInjector;
  readonly logLines: () => readonly string[];
  metrics(): Promise<string>;
  ready(): Promise<boolean>;
  /** As on SIGTERM; a second call does nothing. */
  close(): Promise<void>;
}

export interface ClusterFixture {
  readonly server: ApiServer;
  /** The administrator. */
  readonly client: KubernetesClient;
  /** Where the webhook configuration sends reviews. */
  readonly url: string;
  startReplica(name: string, environment?: Readonly<Record<string, string>>): Promise<Replica>;
  /** Reviews go to these, by turns. */
  route(...replicas: readonly Replica[]): void;
  createNamespace(name: string, metadata?: Fields): Promise<void>;
  /** Creates, or asks for a dry run, and gives what the API server made of it. */
  createPod(
    namespace: string,
    pod: PodWish,
    query?: Readonly<Record<string, string>>,
  ): Promise<Pod>;
  events(namespace: string): Promise<readonly ClusterEvent[]>;
  close(): Promise<void>;
}

export interface PodWish {
  readonly metadata?: Fields;
  readonly spec?: Fields;
}

export interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly initContainers?: readonly {
      readonly name: string;
      readonly env?: readonly { readonly name: string; readonly value?: string }[];
    }[];
    readonly containers: readonly { readonly name: string }[];
  };
}

export interface ClusterEvent {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly involvedObject: { readonly kind: string; readonly name: string; readonly uid?: string };
}

const systemNamespace = "remora-system";
export const webhookPath =
  "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/remora-injector";

export async function startClusterFixture(): Promise<ClusterFixture> {
  const server = await startApiServer();
  const client = createKubernetesClient({ kubeconfig: server.kubeconfig });
  const relay = await startRelay();
  const url = `https://localhost:${relay.port}/inject`;
  const replicas: Replica[] = [];
  const createNamespace = async (name: string, metadata: Fields = {}): Promise<void> => {
    const body = { apiVersion: "v1", kind: "Namespace", metadata: { name, ...metadata } };
    await client.request({ method: "POST", path: "/api/v1/namespaces", body });
  };
  await createNamespace(systemNamespace);
  const items = readChart(url);
  await server.kubectl(["apply"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  const user = `system:serviceaccount:${systemNamespace}:remora-injector`;
  const kubeconfig = await server.kubeconfigAs({ user });
  return {
    server,
    client,
    url,
    createNamespace,
    async startReplica(name, environment = {}) {
      const replica = await startReplica({
        REMORA_INJECTOR_KUBECONFIG: kubeconfig,
        REMORA_POD_NAME: name,
        ...environment,
      });
      replicas.push(replica);
      return replica;
    },
    route: (...next) => relay.route(next.map(({ injector }) => injector.port)),
    createPod: (namespace, { metadata = {}, spec = {} }, query = {}) =>
      client.request<Pod>({
        method: "POST",
        path: `/api/v1/namespaces/${namespace}/pods`,
        query,
        body: {
          apiVersion: "v1",
          kind: "Pod",
          metadata: { generateName: "web-", ...metadata },
          // A cluster's admission plugin fills the account in.
          spec: {
            serviceAccountName: "default",
            containers: [{ name: "web", image: "web" }],
            ...spec,
          },
        },
      }),
    async events(namespace) {
      const path = `/api/v1/namespaces/${namespace}/events`;
      return (await client.request<{ items: ClusterEvent[] }>({ method: "GET", path })).items;
    },
    async close() {
      await Promise.all(replicas.map((replica) => replica.close()));
      client.close();
      await relay.close();
      await server.close();
    },
  };
}

async function startReplica(environment: Readonly<Record<string, string>>): Promise<Replica> {
  const lines: string[] = [];
  const log: Logger = pino({ level: "debug" }, { write: (line) => void lines.push(line) });
  const config = readInjectorConfig({
    REMORA_INJECTOR_LISTEN: "127.0.0.1:0",
    REMORA_INJECTOR_METRICS_LISTEN: "127.0.0.1:0",
    REMORA_INJECTOR_DNS_NAMES: "localhost",
    REMORA_INJECTOR_VERSION: "1.2.3",
    REMORA_INJECTOR_IMAGE: "remora:1.2.3",
    REMORA_INJECTOR_DRAIN_DELAY: "1ms",
    ...environment,
  });
  const injector = await startInjector(config, { clock: systemClock, log });
  const ask = (path: string) => fetch(`http://127.0.0.1:${injector.metricsPort}${path}`);
  let closed: Promise<void> | undefined;
  const replica: Replica = {
    injector,
    logLines: () => lines,
    metrics: async () => (await ask("/metrics")).text(),
    ready: async () => (await ask("/ready")).ok,
    close: () => (closed ??= injector.close()),
  };
  await eventually("a replica that is ready", () => replica.ready(), 20_000);
  return replica;
}

interface Relay {
  readonly port: number;
  route(ports: readonly number[]): void;
  close(): Promise<void>;
}

/** Like kube-proxy it chooses per connection, and takes away connections to replicas that are gone. */
async function startRelay(): Promise<Relay> {
  let ports: readonly number[] = [];
  let turn = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer({ noDelay: true }, (socket) => {
    const port = ports[turn++ % Math.max(ports.length, 1)];
    if (port === undefined) return socket.destroy();
    const upstream = dial({ port, host: "127.0.0.1", noDelay: true });
    for (const one of [socket, upstream]) {
      sockets.add(one);
      one.once("close", () => sockets.delete(one));
    }
    socket.on("error", () => upstream.destroy()).on("close", () => upstream.destroy());
    upstream.on("error", () => socket.destroy()).on("close", () => socket.destroy());
    socket.pipe(upstream).pipe(socket);
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    route(next) {
      ports = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** The injector's rights and its webhook, as the chart renders them; reviews go to an address instead of a Service. */
function readChart(url: string): readonly Fields[] {
  const file = join(import.meta.dirname, "../chart/golden/minimal.yaml");
  const wanted = [
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "MutatingWebhookConfiguration",
  ];
  return parseAllDocuments(readFileSync(file, "utf8"))
    .map((document) => document.toJS() as ChartObject)
    .filter(({ kind, metadata }) => wanted.includes(kind) && metadata.name === "remora-injector")
    .map((object) => {
      if (object.webhooks === undefined) return { ...object };
      const webhooks = object.webhooks.map((webhook) => ({ ...webhook, clientConfig: { url } }));
      return { ...object, webhooks };
    });
}

interface ChartObject {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly webhooks?: readonly Fields[];
}
