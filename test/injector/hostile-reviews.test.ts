/** Thousands of reviews that no API server would send, over real TLS: each gets an answer that is defined. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, request } from "node:https";
import { connect } from "node:net";
import { test } from "node:test";
import { applyJsonPatch, type JsonPatch } from "../../injector/json-patch.ts";
import { createMutator, createRandom } from "../../src/protocol/fuzz-mutator.ts";
import { eventually } from "../control/eventually.ts";
import {
  type Answer,
  askHttp1,
  askHttp2,
  type InjectorFixture,
  reviewOf,
  startFixture,
} from "./injector-fixture.ts";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const pod: Json = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    generateName: "web-",
    labels: { "remora.dev/inject": "enabled" },
    annotations: { "config.remora.dev/opaque-ports": "5432", other: "x" },
    ownerReferences: [
      { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web-1", uid: "u-1", controller: true },
    ],
  },
  spec: {
    terminationGracePeriodSeconds: 30,
    securityContext: { fsGroup: 2_000, supplementalGroups: [3_000] },
    nodeSelector: { "kubernetes.io/os": "linux" },
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: "kubernetes.io/os", operator: "In", values: ["linux"] }] },
          ],
        },
      },
    },
    volumes: [{ name: "data", emptyDir: {} }],
    initContainers: [{ name: "migrate", image: "web", env: [{ name: "A", value: "1" }] }],
    containers: [
      {
        name: "web",
        image: "web",
        ports: [{ name: "http", containerPort: 8_080, protocol: "TCP" }],
        readinessProbe: { httpGet: { path: "/ok", port: "http" }, periodSeconds: 2 },
        livenessProbe: { grpc: { port: 9_000 } },
        lifecycle: { preStop: { httpGet: { port: 8_080 } }, postStart: { exec: { command: [] } } },
        resources: { limits: { memory: "1Gi" } },
        securityContext: { runAsUser: 1_000 },
        volumeMounts: [{ name: "data", mountPath: "/data" }],
      },
    ],
  },
};

const review = reviewOf(pod) as Json;

const oddities: readonly Json[] = [
  null,
  true,
  0,
  -1,
  15_008,
  1e308,
  "",
  "remora-proxy",
  "remora-init",
  "__proto__",
  "constructor",
  "/probe/web/readiness",
  "\u0000\ud800",
  "x".repeat(5_000),
  [],
  {},
  [null],
  [{}],
  [[[]]],
  { name: "remora-proxy" },
  { __proto__: null, toString: 1 },
  JSON.parse('{"__proto__":{"polluted":true}}') as Json,
];

const oddKeys = ["", "__proto__", "constructor", "name", "toString", "httpGet", "lifecycle", "os"];

/** One to three places changed: replaced, taken away, doubled, or given a field that nobody expects. */
function createReviewMutator(seed: number): () => string {
  const random = createRandom(seed);
  const oneOf = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const odd = (): Json => structuredClone(oneOf(oddities));
  return () => {
    const mutated = structuredClone(review) as JsonObject;
    for (let count = 1 + random(3); count > 0; count -= 1) {
      const [parent, key] = oneOf(listPlaces(mutated));
      const what = random(12);
      if (what === 0) delete parent[key];
      else if (what === 1 && Array.isArray(parent))
        parent.push(structuredClone(parent[key] as Json));
      else if (what === 2) parent[oneOf(oddKeys)] = odd();
      else parent[key] = odd();
    }
    return JSON.stringify(mutated);
  };
}

type JsonObject = { [key: string]: Json };

/** Every field and entry there is, so that the deep ones are met as often as the others. */
function listPlaces(value: JsonObject): readonly (readonly [JsonObject, string])[] {
  return Object.keys(value).flatMap((key) => {
    const inner = value[key] as Json;
    const deeper = inner !== null && typeof inner === "object" ? (inner as JsonObject) : {};
    return [[value, key] as const, ...listPlaces(deeper)];
  });
}

function askKept(agent: Agent, port: number, body: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({
      host: "127.0.0.1",
      port,
      agent,
      method: "POST",
      path: "/inject",
      headers: { "content-type": "application/json" },
    });
    call.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    call.on("error", reject);
    call.end(body);
  });
}

/** Both protocols by turns, some at a time, as busy API servers do. */
async function askAll(
  fixture: InjectorFixture,
  bodies: readonly (string | Buffer)[],
  check: (body: string, answer: Answer) => void,
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 8, rejectUnauthorized: false });
  const session = fixture.dial();
  const { port } = fixture.injector;
  for (let at = 0; at < bodies.length; at += 50) {
    const batch = bodies.slice(at, at + 50);
    const answers = await Promise.all(
      batch.map((body, index) =>
        index % 2 === 0 ? askHttp2(session, { body }) : askKept(agent, port, body),
      ),
    );
    answers.forEach((answer, index) => check(String(batch[index]), answer));
  }
  agent.destroy();
}

interface Response {
  readonly uid: string;
  readonly allowed: boolean;
  readonly patch?: string;
  readonly status?: { readonly code: number; readonly message: string };
}

/** What an API server takes: a review of the same uid, and a patch that can be applied. Gives the patched question. */
function checkAnswer(body: string, answer: Answer): string | undefined {
  const context = `${answer.status} ${answer.body.slice(0, 300)} for ${body.slice(0, 2_000)}`;
  if (answer.status !== 200) {
    assert.equal(answer.status, 400, context);
    assert.ok(answer.body.length > 5, context);
    return undefined;
  }
  const { response } = JSON.parse(answer.body) as { response: Response };
  const asked = JSON.parse(body) as { request: { uid: string; object: unknown } };
  assert.equal(response.uid, asked.request.uid, context);
  assert.equal(typeof response.allowed, "boolean", context);
  if (!response.allowed) {
    assert.ok([400, 403].includes(response.status?.code ?? 0), context);
    assert.ok((response.status?.message.length ?? 0) > 0, context);
  }
  if (response.patch === undefined) return undefined;
  const patch = JSON.parse(Buffer.from(response.patch, "base64").toString()) as JsonPatch;
  const object = applyJsonPatch(asked.request.object, patch);
  return JSON.stringify({ ...asked, request: { ...asked.request, object } });
}

test("every mutated review is answered, every patch applies, and a second one changes nothing", async (t) => {
  const fixture = await startFixture(t);
  const next = createReviewMutator(5);
  const patched: string[] = [];
  await askAll(fixture, Array.from({ length: 4_000 }, next), (body, answer) => {
    const again = checkAnswer(body, answer);
    if (again !== undefined) patched.push(again);
  });
  assert.ok(patched.length > 500, `${patched.length} were patched`);
  await askAll(fixture, patched, (body, answer) => {
    const { response } = JSON.parse(answer.body) as { response: Response };
    assert.deepEqual([response.allowed, response.patch], [true, undefined], body.slice(0, 4_000));
  });
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  assert.ok(!fixture.logLines().some((line) => line.includes("review failed")));
});

test("reviews with bytes changed are answered, and the counters do not grow with them", async (t) => {
  const fixture = await startFixture(t);
  const mutator = createMutator([Buffer.from(JSON.stringify(review)), Buffer.from("{}")], 7);
  const bodies = Array.from({ length: 2_000 }, () => mutator.next());
  await askAll(fixture, bodies, checkAnswer);
  const { body } = await fixture.metrics();
  const series = body.split("\n").filter((line) => line.startsWith("remora_injector_re"));
  assert.ok(series.length < 60, `${series.length} series`);
});

test("one address holds 100 connections at most, and gives them back", async (t) => {
  const fixture = await startFixture(t);
  const { port } = fixture.injector;
  const sockets = Array.from({ length: 101 }, () => connect({ host: "127.0.0.1", port }));
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  for (const socket of sockets) socket.on("error", () => undefined);
  await Promise.any(sockets.map((socket) => once(socket, "close")));
  assert.equal(sockets.filter(({ closed }) => !closed).length, 100);
  assert.match((await fixture.metrics()).body, /connections_refused_total 1\n/);
  for (const socket of sockets) socket.destroy();
  await eventually("a place", async () => {
    const answer = await askHttp1(port, { body: JSON.stringify(review) }).catch(() => undefined);
    return answer?.status === 200;
  });
});

test("bodies that never end hold 64 MB together at most, and give it back", async (t) => {
  const fixture = await startFixture(t);
  const big = Buffer.alloc(4 * 1024 * 1024 - 1, " ");
  const session = fixture.dial();
  const streams = Array.from({ length: 20 }, () =>
    session.request({ ":method": "POST", ":path": "/inject", "content-type": "application/json" }),
  );
  const refused = new Promise<number>((resolve) => {
    for (const stream of streams) {
      stream.on("error", () => undefined);
      stream.once("response", (headers) => resolve(headers[":status"] ?? 0));
      stream.write(big);
    }
  });
  assert.equal(await refused, 503);
  for (const stream of streams) stream.destroy();
  const answer = await askHttp2(fixture.dial(), { body: JSON.stringify(review) });
  assert.equal(answer.status, 200);
});
