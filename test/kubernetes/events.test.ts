import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { json } from "node:stream/consumers";
import { afterEach, beforeEach, test } from "node:test";
import { pino } from "pino";
import { createKubernetesClient, type KubernetesClient } from "../../src/kubernetes/client.ts";
import { createEventRecorder, type EventRecorder } from "../../src/kubernetes/events.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";
import { type ScriptedApiServer, sendJson, startScriptedApiServer } from "./scripted-api-server.ts";

const log = pino({ level: "silent" });
const about = { apiVersion: "v1", kind: "Pod", namespace: "shop", name: "web-0", uid: "1" };
let server: ScriptedApiServer;
let client: KubernetesClient;
let clock: FakeClock;
let events: EventRecorder;

beforeEach(async () => {
  server = await startScriptedApiServer();
  client = createKubernetesClient({ kubeconfig: server.kubeconfig });
  clock = createFakeClock();
  events = createEventRecorder(client, { component: "remora-control", clock, log });
});
afterEach(async () => {
  client.close();
  await server.close();
});

const read = async (request: IncomingMessage): Promise<Record<string, unknown>> =>
  (await json(request)) as Record<string, unknown>;

test("the same event is sent once a minute, with the count of all", async () => {
  const event = { about, type: "Warning", reason: "NotMeshed", message: "no sidecar" } as const;
  events.record(event);
  const first = await server.next();
  assert.equal(first.url.pathname, "/api/v1/namespaces/shop/events");
  const made = await read(first.request);
  assert.equal(made["count"], 1);
  assert.deepEqual(made["involvedObject"], about);
  sendJson(first.answer, 201, { metadata: { name: "web-0.x" } });
  await events.idle();
  events.record(event);
  events.record(event);
  clock.advance(60_000);
  events.record(event);
  const second = await server.next();
  assert.equal(second.request.method, "PATCH");
  assert.equal(second.url.pathname, "/api/v1/namespaces/shop/events/web-0.x");
  assert.equal((await read(second.request))["count"], 4);
  sendJson(second.answer, 200, {});
  await events.idle();
});

test("an API server that does not answer costs a bounded number of events", async () => {
  for (let count = 0; count < 1_000; count += 1) {
    events.record({ about, type: "Normal", reason: "Busy", message: `event ${count}` });
  }
  // One is on its way, 200 wait.
  assert.equal(events.dropped(), 799);
});
