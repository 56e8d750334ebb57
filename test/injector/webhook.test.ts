/** The webhook over real TLS: what an API server gets, and what anybody else gets who can reach the port. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { applyJsonPatch, type JsonPatch } from "../../injector/json-patch.ts";
import { eventually } from "../control/eventually.ts";
import {
  type Answer,
  askHttp1,
  askHttp2,
  reviewOf as createReview,
  startFixture,
} from "./injector-fixture.ts";

type Fields = Readonly<Record<string, unknown>>;

interface Response {
  readonly uid: string;
  readonly allowed: boolean;
  readonly patchType?: string;
  readonly patch?: string;
  readonly warnings?: readonly string[];
  readonly auditAnnotations?: Readonly<Record<string, string>>;
  readonly status?: { readonly code: number; readonly message: string };
}

const app = { name: "web", image: "web", ports: [{ containerPort: 8080 }] };

function podOf(spec: Fields = {}, metadata: Fields = {}): Fields {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { generateName: "web-", creationTimestamp: null, ...metadata },
    spec: { containers: [app], ...spec },
    status: {},
  };
}

function reviewOf(...about: Parameters<typeof createReview>): string {
  return JSON.stringify(createReview(...about));
}

function responseOf(answer: Answer): Response {
  assert.equal(answer.status, 200, answer.body);
  const review = JSON.parse(answer.body) as {
    apiVersion: string;
    kind: string;
    response: Response;
  };
  assert.equal(review.apiVersion, "admission.k8s.io/v1");
  assert.equal(review.kind, "AdmissionReview");
  return review.response;
}

function patchOf(response: Response): JsonPatch {
  assert.equal(response.patchType, "JSONPatch");
  return JSON.parse(Buffer.from(response.patch ?? "", "base64").toString()) as JsonPatch;
}

test("a pod is patched over HTTP/2 and over HTTP/1, with the uid of the question", async (t) => {
  const fixture = await startFixture(t);
  const question = { body: reviewOf(podOf()) };
  const answers = [
    await askHttp2(fixture.dial(), question),
    await askHttp1(fixture.injector.port, question),
  ];
  for (const answer of answers) {
    const response = responseOf(answer);
    assert.equal(response.uid, "705ab4f5-6393-11e8-b7cc-42010a800002");
    assert.equal(response.allowed, true);
    const { spec } = applyJsonPatch(podOf(), patchOf(response)) as {
      spec: { initContainers: { name: string; image: string }[] };
    };
    const names = spec.initContainers.map(({ name, image }) => `${name} ${image}`);
    assert.deepEqual(names, ["remora-init remora:1.2.3", "remora-proxy remora:1.2.3"]);
  }
  assert.equal(answers[0]?.body, answers[1]?.body);
});

test("a patched pod that comes again gets no patch", async (t) => {
  const session = (await startFixture(t)).dial();
  const first = responseOf(await askHttp2(session, { body: reviewOf(podOf()) }));
  const patched = applyJsonPatch(podOf(), patchOf(first));
  const again = responseOf(await askHttp2(session, { body: reviewOf(patched) }));
  assert.deepEqual(again, { uid: first.uid, allowed: true });
});

test("an annotation that nobody reads is answered with a warning", async (t) => {
  const pod = podOf({}, { annotations: { "config.remora.dev/log-levle": "debug" } });
  const answer = await askHttp2((await startFixture(t)).dial(), { body: reviewOf(pod) });
  const { warnings } = responseOf(answer);
  assert.match(warnings?.join() ?? "", /log-levle is not known/);
});

const disabled = { labels: { "remora.dev/inject": "disabled" } };
const skips: readonly (readonly [string, string, Fields, Fields])[] = [
  ["the node's network", "host_network", podOf({ hostNetwork: true }), {}],
  ["the pod's own label", "opted_out", podOf({}, disabled), {}],
  ["Windows", "windows", podOf({ nodeSelector: { "kubernetes.io/os": "windows" } }), {}],
  ["another mesh", "other_mesh", podOf({ initContainers: [{ name: "istio-proxy" }] }), {}],
  [
    "an older sidecar",
    "already_injected",
    podOf({ initContainers: [{ name: "remora-proxy" }] }),
    {},
  ],
  ["kube-system", "system_namespace", podOf(), { namespace: "kube-system" }],
  ["the mesh's own namespace", "system_namespace", podOf(), { namespace: "remora-system" }],
];

test("a skipped pod is allowed untouched, and counted and logged with the reason", async (t) => {
  const fixture = await startFixture(t);
  const session = fixture.dial();
  for (const [what, reason, pod, request] of skips) {
    const response = responseOf(await askHttp2(session, { body: reviewOf(pod, request) }));
    assert.equal(response.allowed, true, what);
    assert.equal(response.patch, undefined, what);
    assert.deepEqual(response.auditAnnotations, { skipped: reason }, what);
    const { body } = await fixture.metrics();
    assert.match(
      body,
      new RegExp(`outcome="skipped",reason="${reason}",dry_run="false"\\} [12]\n`),
    );
    assert.ok(
      fixture.logLines().some((line) => line.includes(`"reason":"${reason}"`)),
      what,
    );
  }
});

test("a dry run is answered alike and counted apart", async (t) => {
  const fixture = await startFixture(t);
  const session = fixture.dial();
  const real = responseOf(await askHttp2(session, { body: reviewOf(podOf()) }));
  const dry = responseOf(await askHttp2(session, { body: reviewOf(podOf(), { dryRun: true }) }));
  assert.deepEqual(dry, real);
  const { body } = await fixture.metrics();
  assert.match(body, /reviews_total\{outcome="injected",reason="",dry_run="false"\} 1\n/);
  assert.match(body, /reviews_total\{outcome="injected",reason="",dry_run="true"\} 1\n/);
});

const untouched: readonly (readonly [string, Fields])[] = [
  ["UPDATE", { operation: "UPDATE" }],
  ["DELETE without an object", { operation: "DELETE", object: null }],
  ["CONNECT", { operation: "CONNECT", subResource: "exec" }],
  ["a subresource", { subResource: "ephemeralcontainers" }],
  ["a Deployment", { kind: { group: "apps", version: "v1", kind: "Deployment" } }],
  ["a Pod of another group", { kind: { group: "metrics.k8s.io", version: "v1", kind: "Pod" } }],
  ["no kind", { kind: null }],
];

test("what is not the creation of a pod is allowed untouched", async (t) => {
  const session = (await startFixture(t)).dial();
  for (const [what, request] of untouched) {
    const response = responseOf(await askHttp2(session, { body: reviewOf(podOf(), request) }));
    assert.deepEqual(response, { uid: response.uid, allowed: true }, what);
  }
});

const label = (value: string): Fields => ({ labels: { "remora.dev/inject": value } });
const annotated = (key: string, value: unknown): Fields => ({
  annotations: { [`config.remora.dev/${key}`]: value },
});
const denials: readonly (readonly [string, unknown, number, RegExp])[] = [
  ["uid of the sidecar", podOf({ securityContext: { runAsUser: 15_008 } }), 403, /uid 15008/],
  ["a label with a slip", podOf({}, label("true")), 403, /must be "enabled" or "disabled"/],
  ["a port that is none", podOf({}, annotated("opaque-ports", "1-99999")), 403, /opaque-ports/],
  ["a shell in a port list", podOf({}, annotated("skip-inbound-ports", "$(id)")), 403, /skip-/],
  ["digits of another script", podOf({}, annotated("opaque-ports", "８０８０")), 403, /opaque-/],
  ["256 KB of image", podOf({}, annotated("image", "x".repeat(262_144))), 403, /image/],
  [
    "a port of the sidecar",
    podOf({ containers: [{ ...app, ports: [{ containerPort: 15_008 }] }] }),
    403,
    /15008/,
  ],
  ["no object", undefined, 400, /no metadata/],
  ["null", null, 400, /no metadata/],
  ["a list", [], 400, /no metadata/],
  ["no spec", { ...podOf(), spec: null }, 400, /no spec/],
  ["containers that are text", podOf({ containers: "web" }), 400, /spec\.containers/],
  ["a container that is null", podOf({ containers: [null] }), 400, /spec\.containers/],
  ["a container without name", podOf({ initContainers: [{}] }), 400, /spec\.initContainers/],
  [
    "probes that are numbers",
    podOf({ containers: [{ ...app, livenessProbe: 1 }] }),
    400,
    /spec\.containers/,
  ],
  [
    "an annotation that is a number",
    podOf({}, annotated("image", 1)),
    400,
    /metadata\.annotations/,
  ],
  ["volumes that are an object", podOf({ volumes: {} }), 400, /spec\.volumes/],
];

test("a pod that cannot be in the mesh, or is none, is denied with a sentence", async (t) => {
  const session = (await startFixture(t)).dial();
  for (const [what, pod, code, message] of denials) {
    const response = responseOf(await askHttp2(session, { body: reviewOf(pod) }));
    assert.equal(response.allowed, false, what);
    assert.equal(response.status?.code, code, what);
    assert.match(response.status?.message ?? "", message, what);
    assert.ok((response.status?.message.length ?? 0) <= 2_048, what);
  }
});

const deep = "[".repeat(1_000_000) + "]".repeat(1_000_000);
const hostile: readonly (readonly [
  string,
  { body: string; method?: string; path?: string; type?: string },
  number,
])[] = [
  ["an empty body", { body: "" }, 400],
  ["a review cut off", { body: reviewOf(podOf()).slice(0, -40) }, 400],
  ["no JSON", { body: "apiVersion: v1" }, 400],
  ["a million nested lists", { body: deep }, 400],
  ["a deeply nested pod", { body: reviewOf({}).replace('"object":{}', `"object":${deep}`) }, 400],
  ["a JSON null", { body: "null" }, 400],
  ["v1beta1", { body: reviewOf(podOf(), {}, { apiVersion: "admission.k8s.io/v1beta1" }) }, 400],
  ["another kind", { body: reviewOf(podOf(), {}, { kind: "ConversionReview" }) }, 400],
  ["no request", { body: reviewOf(podOf(), {}, { request: null }) }, 400],
  ["no uid", { body: reviewOf(podOf(), { uid: undefined }) }, 400],
  ["a uid that is a number", { body: reviewOf(podOf(), { uid: 7 }) }, 400],
  ["a body of 5 MB", { body: " ".repeat(5 * 1024 * 1024) }, 413],
  ["another content type", { body: reviewOf(podOf()), type: "application/yaml" }, 415],
  ["another path", { body: reviewOf(podOf()), path: "/" }, 404],
  ["another method", { body: reviewOf(podOf()), method: "PUT" }, 405],
];

test("what is no review is rejected, and the next review is answered", async (t) => {
  const fixture = await startFixture(t);
  const session = fixture.dial();
  for (const [what, question, status] of hostile) {
    assert.equal((await askHttp2(session, question)).status, status, `${what}, HTTP/2`);
    const { port } = fixture.injector;
    assert.equal((await askHttp1(port, question)).status, status, `${what}, HTTP/1`);
    assert.equal(responseOf(await askHttp2(session, { body: reviewOf(podOf()) })).allowed, true);
  }
  assert.match((await fixture.metrics()).body, /requests_rejected_total\{status="413"\} 2\n/);
});

test("a new certificate is served to new connections while old ones go on", async (t) => {
  const fixture = await startFixture(t);
  const old = fixture.dial();
  await once(old, "connect");
  assert.equal(nameOf(old.socket as TLSSocket), "first");
  fixture.renew("second");
  await eventually("the new certificate", async () => {
    const session = fixture.dial();
    await once(session, "connect");
    const name = nameOf(session.socket as TLSSocket);
    session.destroy();
    return name === "second";
  });
  assert.equal(old.closed, false);
  assert.equal(responseOf(await askHttp2(old, { body: reviewOf(podOf()) })).allowed, true);
});

function nameOf(socket: TLSSocket): string | string[] | undefined {
  return socket.getPeerCertificate().subject.CN;
}

test("a review that runs when the injector stops is answered, and nobody new is served", async (t: TestContext) => {
  const fixture = await startFixture(t);
  assert.equal((await fixture.metrics("/ready")).status, 200);
  const session = fixture.dial();
  const text = reviewOf(podOf());
  const stream = session.request({
    ":method": "POST",
    ":path": "/inject",
    "content-type": "application/json",
  });
  stream.write(text.slice(0, 10));
  await askHttp2(session, { body: text });
  const goaway = once(session, "goaway");
  const closed = fixture.injector.close();
  await goaway;
  stream.setEncoding("utf8").end(text.slice(10));
  let body = "";
  for await (const chunk of stream) body += String(chunk);
  assert.equal(responseOf({ status: 200, body }).allowed, true);
  await closed;
  await assert.rejects(askHttp1(fixture.injector.port, { body: text }));
});
