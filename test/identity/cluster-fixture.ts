/** Identity on a real API server, with the rights that the chart gives it and no others. */

import { readFileSync } from "node:fs";
import type { Client } from "@grpc/grpc-js";
import { parseAllDocuments } from "yaml";
import { systemClock } from "../../src/core/clock.ts";
import { type RunningIdentity, startIdentity } from "../../src/identity/app.ts";
import { readIdentityConfig } from "../../src/identity/config.ts";
import { createKubernetesClient, type KubernetesClient } from "../../src/kubernetes/client.ts";
import { type ApiServer, startApiServer } from "../cluster/api-server.ts";
import { eventually as ask } from "../control/eventually.ts";
import { collectLog, dialIdentity } from "./identity-fixture.ts";

export const system = "remora-system";

export interface ClusterFixture {
  readonly server: ApiServer;
  /** The administrator's. */
  readonly admin: KubernetesClient;
  startReplica(options?: ReplicaOptions): Promise<Replica>;
  /** A pod of the service account `web` of a namespace; nothing runs in it. */
  createPod(name: string, more?: PodOptions): Promise<BoundPod>;
  token(pod: BoundPod | undefined, audience?: string): Promise<string>;
  readSecret(name: string): Promise<Readonly<Record<string, string>>>;
  /** The bundle of a namespace, or undefined. */
  readBundle(namespace: string): Promise<string | undefined>;
  close(): Promise<void>;
}

export interface ReplicaOptions {
  readonly name?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Replica {
  readonly service: RunningIdentity;
  readonly logLines: () => readonly string[];
  dial(): Client;
  metrics(): Promise<string>;
  close(): Promise<void>;
}

export interface PodOptions {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Where its sidecar answers; with it the pod counts as injected and running. */
  readonly ip?: string;
}

export interface BoundPod {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

export async function startClusterFixture(): Promise<ClusterFixture> {
  const server = await startApiServer();
  const admin = createKubernetesClient({ kubeconfig: server.kubeconfig });
  const user = `system:serviceaccount:${system}:remora-identity`;
  const groups = ["system:serviceaccounts", `system:serviceaccounts:${system}`];
  const kubeconfig = await server.kubeconfigAs({ user, groups });
  await server.kubectl(["apply"], objects(user));
  const running = new Set<Replica>();
  let count = 0;
  return {
    server,
    admin,
    async startReplica({ name = `identity-${++count}`, environment = {} } = {}) {
      const replica = await startReplica({
        REMORA_IDENTITY_LISTEN: "127.0.0.1:0",
        REMORA_IDENTITY_METRICS_LISTEN: "127.0.0.1:0",
        REMORA_IDENTITY_KUBECONFIG: kubeconfig,
        REMORA_IDENTITY_POD_NAME: name,
        ...environment,
      });
      running.add(replica);
      return replica;
    },
    createPod: async (name, more = {}) => await createPod(admin, name, more),
    token: async (pod, audience = "remora") => await requestToken(admin, pod, audience),
    async readSecret(name) {
      const path = `/api/v1/namespaces/${system}/secrets/${name}`;
      const secret = await admin.request<{ data: Record<string, string> }>({ method: "GET", path });
      return decode(secret.data);
    },
    readBundle: async (namespace) => await readBundle(admin, namespace),
    async close() {
      await Promise.all(Array.from(running, (replica) => replica.close()));
      admin.close();
      await server.close();
    },
  };
}

async function startReplica(environment: Readonly<Record<string, string>>): Promise<Replica> {
  const { log, lines } = collectLog();
  const config = readIdentityConfig(environment);
  const service = await startIdentity(config, { clock: systemClock, log });
  const clients: Client[] = [];
  let closing: Promise<void> | undefined;
  return {
    service,
    logLines: lines,
    dial() {
      const client = dialIdentity(service.port, service.rootPem);
      clients.push(client);
      return client;
    },
    metrics: async () => {
      const { hostname } = new URL(`http://${environment["REMORA_IDENTITY_METRICS_LISTEN"]}`);
      return await (await fetch(`http://${hostname}:${service.metricsPort}/metrics`)).text();
    },
    close() {
      for (const client of clients) client.close();
      closing ??= service.close();
      return closing;
    },
  };
}

/** Namespaces and accounts, and the chart's own roles without what Helm fills in. */
function objects(user: string): string {
  const chart = readFileSync("charts/remora/templates/identity-rbac.yaml", "utf8");
  const plain = chart.replace(/^.*\{\{.*$\n/gm, "");
  const roles = parseAllDocuments(plain)
    .map((document) => document.toJS() as { kind?: string; rules?: unknown[] } | null)
    .filter((role) => role?.kind !== undefined);
  const rulesOf = (kind: string): unknown[] =>
    roles.find((role) => role?.kind === kind)?.rules ?? [];
  const name = "remora-identity";
  const subjects = [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: user }];
  const owner = { apiGroups: ["rbac.authorization.k8s.io"], resources: ["clusterroles"] };
  const leases = { apiGroups: ["coordination.k8s.io"], resources: ["leases"] };
  const named = { resourceNames: [name] };
  const apiVersion = "rbac.authorization.k8s.io/v1";
  const metadata = { name };
  const inSystem = { name, namespace: system };
  const roleRef = (kind: string) => ({ apiGroup: "rbac.authorization.k8s.io", kind, name });
  const account = (namespace: string, account: string) => ({
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: account, namespace },
  });
  const namespace = (name: string) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  const clusterRules = [...rulesOf("ClusterRole"), { ...owner, ...named, verbs: ["get"] }];
  const rules = [
    ...rulesOf("Role"),
    { ...leases, verbs: ["create"] },
    { ...leases, ...named, verbs: ["get", "update"] },
  ];
  const list = [
    namespace(system),
    namespace("shop"),
    account("shop", "web"),
    { apiVersion, kind: "ClusterRole", metadata, rules: clusterRules },
    { apiVersion, kind: "ClusterRoleBinding", metadata, subjects, roleRef: roleRef("ClusterRole") },
    { apiVersion, kind: "Role", metadata: inSystem, rules },
    { apiVersion, kind: "RoleBinding", metadata: inSystem, subjects, roleRef: roleRef("Role") },
  ];
  return list.map((object) => JSON.stringify(object)).join("\n---\n");
}

async function createPod(
  admin: KubernetesClient,
  name: string,
  { namespace = "shop", labels = {}, ip }: PodOptions,
): Promise<BoundPod> {
  const annotations = ip === undefined ? {} : { "remora.dev/injected": "1" };
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const pod = await admin.request<{ metadata: { uid: string } }>({
    method: "POST",
    path,
    body: {
      metadata: { name, labels, annotations },
      spec: { serviceAccountName: "web", containers: [{ name: "web", image: "web" }] },
    },
  });
  if (ip !== undefined) await setRunning(admin, `${path}/${name}`, ip, "remora-proxy");
  return { name, namespace, uid: pod.metadata.uid };
}

/** What the kubelet would say of a pod whose container runs. */
export async function setRunning(
  admin: KubernetesClient,
  path: string,
  ip: string,
  container: string,
): Promise<void> {
  const running = { name: container, image: "x", imageID: "x", ready: true, restartCount: 0 };
  const started = { ...running, state: { running: { startedAt: new Date().toISOString() } } };
  await admin.request({
    method: "PATCH",
    path: `${path}/status`,
    contentType: "application/merge-patch+json",
    body: {
      status: { phase: "Running", podIP: ip, podIPs: [{ ip }], containerStatuses: [started] },
    },
  });
}

async function requestToken(
  admin: KubernetesClient,
  pod: BoundPod | undefined,
  audience: string,
): Promise<string> {
  const bound =
    pod === undefined
      ? {}
      : { boundObjectRef: { kind: "Pod", apiVersion: "v1", name: pod.name, uid: pod.uid } };
  const answer = await admin.request<{ status: { token: string } }>({
    method: "POST",
    path: `/api/v1/namespaces/${pod?.namespace ?? "shop"}/serviceaccounts/web/token`,
    body: {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { audiences: [audience], expirationSeconds: 3_600, ...bound },
    },
  });
  return answer.status.token;
}

async function readBundle(admin: KubernetesClient, namespace: string): Promise<string | undefined> {
  const path = `/api/v1/namespaces/${namespace}/configmaps/remora-trust-bundle`;
  const map = await admin
    .request<{ data?: Record<string, string> }>({ method: "GET", path })
    .catch(() => undefined);
  return map?.data?.["ca.pem"];
}

function decode(data: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]),
  );
}

/** As patient as what an API server and several replicas take for one step. */
export function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  withinMillis = 20_000,
): Promise<T> {
  return ask(what, look, withinMillis, 50);
}
