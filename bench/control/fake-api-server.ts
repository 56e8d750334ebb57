/**
 * An API server's lists and watches over real sockets, from objects in memory: what a cluster of this size would say,
 * without the cores that its etcd would take. Forked by the bench, which tells it what shall change.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import {
  type ClusterSize,
  createNamespace,
  createNode,
  createPod,
  createService,
  createServiceAccount,
  createSlice,
  namespaces,
  podsOf,
} from "./objects.ts";

export type ApiOrder =
  | { readonly kind: "ready"; readonly service: number; readonly ready: boolean }
  | { readonly kind: "roll"; readonly pods: number };
export interface ApiReport {
  /** The port at the start; later the time at which the change was written, on the clock of `process.hrtime`. */
  readonly port?: number;
  readonly at?: string;
}

const [pods = 0, services = 0] = process.argv.slice(2).map(Number);
const size: ClusterSize = { pods, services };
let version = 1_000;
const lines: Record<string, string[]> = {
  "/api/v1/pods": texts(size.pods, (pod) => createPod(pod, 1)),
  "/api/v1/services": texts(size.services, (service) => createService(service, 1)),
  "/apis/discovery.k8s.io/v1/endpointslices": texts(size.services, (service) =>
    createSlice(service, size, 1),
  ),
  "/api/v1/nodes": texts(200, createNode),
  "/api/v1/namespaces": texts(namespaces, createNamespace),
  "/api/v1/serviceaccounts": texts(size.services, createServiceAccount),
};
const watches = new Map<string, Set<ServerResponse>>();

function texts(count: number, make: (index: number) => unknown): string[] {
  return Array.from({ length: count }, (_, index) => JSON.stringify(make(index)));
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "", "http://api");
  response.setHeader("content-type", "application/json");
  const items = lines[url.pathname];
  if (items === undefined) void answerOther(request, response);
  else if (url.searchParams.get("watch") === "true") watch(url.pathname, response);
  else {
    const from = Number(url.searchParams.get("continue") ?? 0);
    const to = from + Number(url.searchParams.get("limit") ?? items.length);
    const next = to < items.length ? String(to) : "";
    const metadata = JSON.stringify({ resourceVersion: String(version), continue: next });
    response.end(`{"metadata":${metadata},"items":[${items.slice(from, to).join(",")}]}`);
  }
});

/** Leases are taken as they come; nothing else is there. */
async function answerOther(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === "GET") {
    response.statusCode = 404;
    response.end(JSON.stringify({ kind: "Status", code: 404, reason: "NotFound" }));
  } else response.end(JSON.stringify(await json(request)));
}

function watch(path: string, response: ServerResponse): void {
  const open = watches.get(path) ?? new Set();
  watches.set(path, open);
  open.add(response);
  response.flushHeaders();
  response.on("close", () => open.delete(response));
}

function tell(path: string, type: string, index: number, object: unknown): void {
  const text = JSON.stringify(object);
  const items = lines[path];
  if (items !== undefined && type !== "BOOKMARK") items[index] = text;
  for (const response of watches.get(path) ?? []) {
    response.write(`{"type":"${type}","object":${text}}\n`);
  }
}

setInterval(() => {
  for (const path of Object.keys(lines)) {
    tell(path, "BOOKMARK", 0, { metadata: { resourceVersion: String(version) } });
  }
}, 30_000).unref();

function setReady(service: number, ready: boolean): void {
  const [pod = 0] = podsOf(service, size);
  version += 1;
  tell("/api/v1/pods", "MODIFIED", pod, createPod(pod, version, ready));
  const slice = createSlice(service, size, version, (other) => other !== pod || ready);
  tell("/apis/discovery.k8s.io/v1/endpointslices", "MODIFIED", service, slice);
}

/** As a rollout does it: pod by pod, and each time the slice. */
function roll(count: number): void {
  for (let service = 1; service * 5 < count; service += 1) {
    setReady(service, false);
    setReady(service, true);
  }
}

process.on("message", (order: ApiOrder) => {
  if (order.kind === "ready") setReady(order.service, order.ready);
  else roll(order.pods);
  process.send?.({ at: String(process.hrtime.bigint()) } satisfies ApiReport);
});
process.on("disconnect", () => process.exit());
server.listen(0, "127.0.0.1", () => {
  process.send?.({ port: (server.address() as AddressInfo).port } satisfies ApiReport);
});
