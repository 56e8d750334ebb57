import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { afterEach, beforeEach, test } from "node:test";
import { pino } from "pino";
import { createKubernetesClient, type KubernetesClient } from "../../src/kubernetes/client.ts";
import { type Kind, type KindWatch, watchKind } from "../../src/kubernetes/watch-kind.ts";
import { eventually } from "../control/eventually.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";
import {
  type ScriptedApiServer,
  sendEvent,
  sendJson,
  sendStatus,
  startScriptedApiServer,
} from "./scripted-api-server.ts";

const log = pino({ level: "silent" });
const pods: Kind = { path: "/api/v1/pods" };
let server: ScriptedApiServer;
let client: KubernetesClient;
let clock: FakeClock;
let watched: KindWatch<string> | undefined;

beforeEach(async () => {
  server = await startScriptedApiServer();
  clock = createFakeClock();
  client = createKubernetesClient({ kubeconfig: server.kubeconfig });
});
afterEach(async () => {
  watched?.close();
  client.close();
  await server.close();
});

function follow(kind: Kind = pods): KindWatch<string> {
  const trim = (raw: { metadata: { labels?: Readonly<Record<string, string>> } }) =>
    raw.metadata.labels?.["state"] ?? "none";
  watched = watchKind(client, kind, { trim, clock, log });
  return watched;
}

function pod(name: string, version: string, state = "none") {
  const metadata = { name, namespace: "shop", uid: name, resourceVersion: version };
  return { metadata: { ...metadata, labels: { state } } };
}

function list(version: string, ...items: unknown[]) {
  return { metadata: { resourceVersion: version }, items };
}

/** Answers the list and hands over the watch that follows it. */
async function openWatch(version: string, ...items: unknown[]) {
  sendJson((await server.next()).answer, 200, list(version, ...items));
  const watch = await server.next();
  assert.equal(watch.url.searchParams.get("watch"), "true");
  watch.answer.writeHead(200).flushHeaders();
  return watch;
}

/** Lets the wait before the next try pass. */
async function passBackoff(): Promise<void> {
  await eventually("a wait begins", () => clock.pending() > 0);
  clock.advance(60_000);
}

test("a list is read page by page, and the watch begins where it ended", async () => {
  const kind = follow();
  const first = await server.next();
  assert.equal(first.url.searchParams.get("limit"), "250");
  const metadata = { resourceVersion: "7", continue: "more" };
  sendJson(first.answer, 200, { metadata, items: [pod("a", "1")] });
  const second = await server.next();
  assert.equal(second.url.searchParams.get("continue"), "more");
  assert.equal(kind.isSynced(), false);
  sendJson(second.answer, 200, list("7", pod("b", "2")));
  await kind.synced;
  assert.deepEqual([...kind.current().keys()], ["shop/a", "shop/b"]);
  const { url } = await server.next();
  assert.equal(url.searchParams.get("resourceVersion"), "7");
  assert.equal(url.searchParams.get("allowWatchBookmarks"), "true");
});

test("events change what is held, and only what the trim keeps is announced", async () => {
  const kind = follow();
  const { answer } = await openWatch("1", pod("a", "1"), pod("b", "1"));
  await kind.synced;
  const deltas: unknown[] = [];
  kind.onDelta((delta) => deltas.push([...delta]));
  sendEvent(answer, "MODIFIED", pod("a", "2"));
  sendEvent(answer, "MODIFIED", pod("a", "3", "ready"));
  sendEvent(answer, "DELETED", pod("b", "4"));
  sendEvent(answer, "ADDED", pod("c", "5"));
  await eventually("c is known", () => kind.get("shop/c"));
  assert.deepEqual(deltas, [[["shop/a", "ready"]], [["shop/b", undefined]], [["shop/c", "none"]]]);
});

test("a watch that breaks goes on from the last bookmark, without a list", async () => {
  const kind = follow();
  const { answer } = await openWatch("1", pod("a", "1"));
  await kind.synced;
  sendEvent(answer, "BOOKMARK", { metadata: { resourceVersion: "900" } });
  answer.end();
  await passBackoff();
  const { url } = await server.next();
  assert.equal(url.searchParams.get("resourceVersion"), "900");
  assert.deepEqual([...kind.current().keys()], ["shop/a"]);
});

for (const [how, expire] of [
  [
    "as an event",
    async () => {
      const { answer } = await openWatch("1", pod("a", "1"), pod("b", "1"));
      sendEvent(answer, "ERROR", { metadata: {}, code: 410, reason: "Expired" });
    },
  ],
  [
    "as an answer",
    async () => {
      sendJson((await server.next()).answer, 200, list("1", pod("a", "1"), pod("b", "1")));
      sendStatus((await server.next()).answer, 410, "Expired");
    },
  ],
] as const) {
  test(`410 ${how} makes a new list at once, which says what has gone meanwhile`, async () => {
    const kind = follow();
    await expire();
    await kind.synced;
    const again = await server.next();
    assert.equal(again.url.searchParams.get("watch"), null);
    assert.equal(kind.current().size, 2, "the last good state stays meanwhile");
    sendJson(again.answer, 200, list("50", pod("b", "1"), pod("c", "49")));
    await eventually("the new list holds", () => kind.get("shop/c"));
    assert.deepEqual([...kind.current().keys()], ["shop/b", "shop/c"]);
  });
}

test("429 is waited for as long as the API server asks", async () => {
  const kind = follow();
  const { answer } = await server.next();
  answer.setHeader("retry-after", "20");
  sendStatus(answer, 429, "TooManyRequests");
  await eventually("the wait begins", () => clock.pending() > 0);
  clock.advance(19_999);
  assert.equal(clock.pending(), 1);
  clock.advance(1);
  await openWatch("1");
  await kind.synced;
});

test("an API server that fails changes nothing of what is held", async () => {
  const kind = follow();
  const { answer } = await openWatch("1", pod("a", "1"));
  await kind.synced;
  answer.destroy();
  for (const status of [500, 503, 403, 401]) {
    await passBackoff();
    sendStatus((await server.next()).answer, status, "Failure");
  }
  assert.deepEqual([...kind.current().keys()], ["shop/a"]);
  assert.ok(kind.age() >= 240_000, `age ${kind.age()}`);
});

test("a watch that falls silent is given up and opened anew", async () => {
  const kind = follow();
  await openWatch("1", pod("a", "1"));
  await kind.synced;
  await eventually("silence is watched for", () => clock.pending() > 0);
  clock.advance(90_000);
  await passBackoff();
  const { url, answer } = await server.next();
  assert.equal(url.searchParams.get("resourceVersion"), "1");
  answer.writeHead(200).flushHeaders();
  sendEvent(answer, "ADDED", pod("b", "2"));
  await eventually("the new watch is heard", () => kind.get("shop/b"));
  assert.equal(kind.age(), 0);
});

test("watches that end as soon as they are open are not opened in a circle", async () => {
  const kind = follow();
  const { answer } = await openWatch("1");
  await kind.synced;
  answer.end();
  await eventually("a wait begins", () => clock.pending() > 0);
});

test("a kind that the API server does not have is empty until it has it", async () => {
  const kind = follow({ path: "/apis/policy.remora.dev/v1alpha1/x", optional: true });
  sendStatus((await server.next()).answer, 404, "NotFound");
  await kind.synced;
  assert.equal(kind.current().size, 0);
  await passBackoff();
  await openWatch("9", pod("a", "1"));
  await eventually("its objects are known", () => kind.get("shop/a"));
});

test("a kind that has gone keeps its objects for a minute, and no longer", async () => {
  const kind = follow({ path: "/apis/policy.remora.dev/v1alpha1/x", optional: true });
  const { answer } = await openWatch("1", pod("a", "1"));
  await kind.synced;
  answer.destroy();
  await passBackoff();
  sendStatus((await server.next()).answer, 404, "NotFound");
  await eventually("a wait begins", () => clock.pending() > 0);
  assert.equal(kind.current().size, 1);
  clock.advance(60_000);
  sendStatus((await server.next()).answer, 404, "NotFound");
  await eventually("its objects are given up", () => kind.current().size === 0);
});

test("a refused token is read again before the next request", async () => {
  follow();
  const first = await server.next();
  assert.equal(first.request.headers.authorization, "Bearer first");
  writeFileSync(server.tokenFile, "second");
  sendStatus(first.answer, 401, "Unauthorized");
  await passBackoff();
  const second = await server.next();
  assert.equal(second.request.headers.authorization, "Bearer second");
});
