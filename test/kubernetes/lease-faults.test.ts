import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { json } from "node:stream/consumers";
import { afterEach, beforeEach, test } from "node:test";
import { pino } from "pino";
import { createKubernetesClient, type KubernetesClient } from "../../src/kubernetes/client.ts";
import { type HeldLease, holdLease } from "../../src/kubernetes/lease.ts";
import { eventually } from "../control/eventually.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";
import {
  type ScriptedApiServer,
  sendJson,
  sendStatus,
  startScriptedApiServer,
} from "./scripted-api-server.ts";

interface Lease {
  readonly spec: { readonly holderIdentity: string; readonly leaseTransitions: number };
}

const log = pino({ level: "silent" });
let server: ScriptedApiServer;
let client: KubernetesClient;
let clock: FakeClock;
let lease: HeldLease;

beforeEach(async () => {
  server = await startScriptedApiServer();
  client = createKubernetesClient({ kubeconfig: server.kubeconfig });
  clock = createFakeClock();
  lease = holdLease(client, { namespace: "mesh", name: "control", holder: "us", clock, log });
});
afterEach(async () => {
  client.close();
  await server.close();
});

const read = async (request: IncomingMessage): Promise<Lease> => (await json(request)) as Lease;

/** A record of another holder. */
function theirs(version: string) {
  const spec = { holderIdentity: "they", leaseDurationSeconds: 15, leaseTransitions: 4 };
  return { metadata: { namespace: "mesh", name: "control", resourceVersion: version }, spec };
}

async function acquire(): Promise<Lease> {
  sendStatus((await server.next()).answer, 404, "NotFound");
  const { request, answer } = await server.next();
  const made = await read(request);
  sendJson(answer, 201, made);
  await eventually("the lease is held", () => lease.current());
  return made;
}

test("a Lease that nobody has is made and held", async () => {
  const made = await acquire();
  assert.equal(made.spec.holderIdentity, "us");
  assert.equal(made.spec.leaseTransitions, 0);
});

test("a holder that hears nothing gives up before another may take over", async () => {
  await acquire();
  clock.advance(2_000);
  await server.next();
  clock.advance(7_999);
  assert.equal(lease.current(), true);
  clock.advance(1);
  assert.equal(lease.current(), false);
});

test("a renewal whose answer comes too late renews nothing", async () => {
  const made = await acquire();
  clock.advance(2_000);
  sendJson((await server.next()).answer, 200, made);
  const { answer } = await server.next();
  clock.advance(12_000);
  sendJson(answer, 200, made);
  await eventually("the next look is planned", () => clock.pending() === 1);
  assert.equal(lease.current(), false);
});

test("another's Lease is left alone while it changes, and taken when it stands still", async () => {
  sendJson((await server.next()).answer, 200, theirs("1"));
  for (const version of ["2", "3"]) {
    await eventually("the next look is planned", () => clock.pending() === 1);
    clock.advance(14_000);
    sendJson((await server.next()).answer, 200, theirs(version));
  }
  for (const passed of [13_000, 2_000]) {
    await eventually("the next look is planned", () => clock.pending() === 1);
    assert.equal(lease.current(), false);
    clock.advance(passed);
    sendJson((await server.next()).answer, 200, theirs("3"));
  }
  const { request, answer } = await server.next();
  const taken = await read(request);
  assert.equal(taken.spec.holderIdentity, "us");
  assert.equal(taken.spec.leaseTransitions, 5);
  sendJson(answer, 200, taken);
  await eventually("the lease is held", () => lease.current());
});

test("a write that another was faster with does not make us the holder", async () => {
  sendStatus((await server.next()).answer, 404, "NotFound");
  sendStatus((await server.next()).answer, 409, "AlreadyExists");
  await eventually("the next look is planned", () => clock.pending() === 1);
  assert.equal(lease.current(), false);
});

test("who stops gives the Lease back", async () => {
  const made = await acquire();
  const closing = lease.close();
  sendJson((await server.next()).answer, 200, made);
  const { request, answer } = await server.next();
  const given = await read(request);
  assert.equal(given.spec.holderIdentity, "");
  sendJson(answer, 200, given);
  await closing;
  assert.equal(lease.current(), false);
});
