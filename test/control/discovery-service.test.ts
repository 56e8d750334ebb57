import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Stream, connect } from "node:http2";
import { type TestContext, test } from "node:test";
import { createSecureContext } from "node:tls";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, status } from "@grpc/grpc-js";
import { addressType, authorizationType, discoveryPath } from "../../src/api/discovery.ts";
import {
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
} from "../../src/api/gen/discovery_pb.ts";
import { discoveryServiceDefinition } from "../../src/control/xds/service.ts";
import { openAuthority } from "../../src/identity/authority-files.ts";
import { certify, tlsOptionsOf } from "../identity/certified-peer.ts";
import {
  type ControlFixture,
  podManifest,
  policyManifest,
  serverName,
  serviceManifest,
  startControlFixture,
  webIdentity,
} from "./control-fixture.ts";
import { eventually } from "./eventually.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const names = (response: DeltaDiscoveryResponse): string[] =>
  response.resources.map(({ name }) => name);
const versions = (response: DeltaDiscoveryResponse): Record<string, string> =>
  Object.fromEntries(response.resources.map(({ name, version }) => [name, version]));

const shop = {
  "a.json": podManifest("a", "10.0.0.1"),
  "b.json": podManifest("b", "10.0.0.2"),
  "web.json": serviceManifest("web", "10.1.0.1"),
};
const ask = (...keys: string[]) => ({ typeUrl: addressType, resourceNamesSubscribe: keys });

test("every key is answered by its own name, and one that is not there as removed", async (t) => {
  const fixture = await startControlFixture(t, shop);
  const stream = fixture.dial().stream();
  stream.send(ask("/10.0.0.1", "/10.9.9.9", "uid-b"));
  const response = await stream.next();
  assert.equal(response.typeUrl, addressType);
  assert.deepEqual(names(response), ["/10.0.0.1", "uid-b"]);
  assert.deepEqual(response.removedResources, ["/10.9.9.9"]);
  stream.send(ask("/10.1.0.1"));
  assert.deepEqual(names(await stream.next()), ["/10.1.0.1", "uid-a"]);
});

test("a service's members follow it: a new pod and a lost one are pushed", async (t) => {
  const fixture = await startControlFixture(t, shop);
  const stream = fixture.dial().stream();
  stream.send(ask("/10.1.0.1"));
  assert.deepEqual(names(await stream.next()), ["/10.1.0.1", "uid-a", "uid-b"]);
  fixture.folder.write("c.json", podManifest("c", "10.0.0.3"));
  assert.deepEqual(names(await stream.next()), ["uid-c"]);
  fixture.folder.remove("a.json");
  assert.deepEqual((await stream.next()).removedResources, ["uid-a"]);
});

test("an edit is with the proxy within a second", async (t) => {
  const fixture = await startControlFixture(t, shop);
  const stream = fixture.dial().stream();
  stream.send(ask("/10.0.0.1"));
  const before = versions(await stream.next());
  const start = performance.now();
  fixture.folder.write("a.json", podManifest("a", "10.0.0.1", { ready: false }));
  const after = versions(await stream.next());
  assert.ok(performance.now() - start < 1_000);
  assert.notDeepEqual(after, before);
});

test("a wildcard gets everything and hears of every change", async (t) => {
  const fixture = await startControlFixture(t, shop);
  const stream = fixture.dial().stream();
  stream.send({ typeUrl: addressType });
  const all = names(await stream.next()).sort();
  assert.deepEqual(all, ["shop/web.shop.svc.cluster.local", "uid-a", "uid-b"]);
  fixture.folder.remove("b.json");
  assert.deepEqual((await stream.next()).removedResources, ["uid-b"]);
});

test("an acknowledgement is not answered, a refusal is logged and counted and nothing is sent again", async (t) => {
  const fixture = await startControlFixture(t, shop);
  const stream = fixture.dial().stream();
  stream.send(ask("/10.0.0.1"));
  const { nonce } = await stream.next();
  const errorDetail = { code: 3, message: "/10.0.0.1: port above 65535" };
  stream.send({ typeUrl: addressType, responseNonce: nonce });
  stream.send({ typeUrl: addressType, responseNonce: nonce, errorDetail });
  stream.send(ask("/10.0.0.2"));
  assert.deepEqual(names(await stream.next()), ["/10.0.0.2"]);
  assert.match(await fixture.metrics(), /remora_control_nacks_total\{type="Address"\} 1\n/);
  const line = fixture.logLines().find((line) => line.includes("port above 65535"));
  assert.match(line ?? "", /"identity":"spiffe:\/\/cluster.local\/ns\/shop\/sa\/web"/);
});

test("after a reconnect only what changed meanwhile is sent, and what vanished is removed", async (t) => {
  const fixture = await startControlFixture(t, shop);
  const first = fixture.dial().stream();
  first.send(ask("/10.0.0.1", "/10.0.0.2", "/10.1.0.1"));
  const held = versions(await first.next());
  first.call.cancel();
  fixture.folder.write("a.json", podManifest("a", "10.0.0.1", { ready: false }));
  fixture.folder.remove("b.json");
  await eventually("edit", async () => (await fixture.metrics()).includes('"workload"} 1'));
  const second = fixture.dial().stream();
  second.send({ ...ask("/10.0.0.1", "/10.0.0.2", "/10.1.0.1"), initialResourceVersions: held });
  const response = await second.next();
  assert.deepEqual(names(response).sort(), ["/10.0.0.1", "uid-a"]);
  assert.deepEqual(response.removedResources.toSorted(), ["/10.0.0.2", "uid-b"]);
});

test("the first request of a stream is a subscription even with a nonce of an earlier stream", async (t) => {
  const fixture = await startControlFixture(t, shop);
  const stream = fixture.dial().stream();
  stream.send({ typeUrl: addressType, responseNonce: "7" });
  assert.equal((await stream.next()).resources.length, 3);
});

test("versions hold across a restart of control", async (t) => {
  const fixture = await startControlFixture(t, shop);
  const first = fixture.dial().stream();
  first.send(ask("/10.0.0.1"));
  const held = versions(await first.next());
  const ended = first.status;
  await fixture.control.close();
  assert.equal((await ended).code, status.UNAVAILABLE);
  await fixture.restart();
  const second = fixture.dial().stream();
  second.send({ ...ask("/10.0.0.1"), initialResourceVersions: held });
  const response = await second.next();
  assert.deepEqual([response.resources, response.removedResources], [[], []]);
});

test("a proxy that stops reading blocks no other one and holds one response at most", async (t) => {
  const fixture = await startControlFixture(t);
  const write = (round: number): void => {
    const pods = Array.from({ length: 1_500 }, (_, index) =>
      podManifest(`p${index}`, `10.0.${index >> 8}.${index & 255}`, {
        labels: { version: `round-${round}-of-9-end` },
      }),
    );
    fixture.folder.write("pods.yaml", pods.join("\n---\n"));
  };
  write(0);
  await eventually("pods", async () => (await fixture.metrics()).includes('"workload"} 1500'));
  const stuck = stuckReader(t, fixture, { typeUrl: addressType });
  await once(stuck, "response");
  const other = fixture.dial().stream();
  other.send(ask("/10.0.0.1"));
  await other.next();
  const sent = async (): Promise<number> =>
    Number(/responses_total\{type="Address"\} (\d+)/.exec(await fixture.metrics())?.[1]);
  for (let round = 1; round <= 8; round += 1) {
    write(round);
    assert.deepEqual(names(await other.next()), ["/10.0.0.1"]);
  }
  // Nine for the other one; for the stuck one what fits into its window, and not one per round.
  assert.ok((await sent()) <= 9 + 2, `${await sent()} responses`);
  const seen: Buffer[] = [];
  stuck.on("data", (chunk: Buffer) => seen.push(chunk));
  await eventually("the newest state", () => Buffer.concat(seen).includes("round-8-of-9-end"));
});

/** A proxy that asks and never reads: its one stream's window stays shut. */
function stuckReader(
  context: TestContext,
  fixture: ControlFixture,
  request: MessageInitShape<typeof DeltaDiscoveryRequestSchema>,
): ClientHttp2Stream {
  const own = certify(fixture.authority, { uri: webIdentity });
  const session = connect(`https://127.0.0.1:${fixture.port}`, {
    ...tlsOptionsOf(own, fixture.authority.rootPem),
    checkServerIdentity: () => undefined,
  });
  session.on("error", () => {});
  context.after(() => session.destroy());
  const stream = session.request({
    ":method": "POST",
    ":path": discoveryPath,
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => {});
  const message = toBinary(
    DeltaDiscoveryRequestSchema,
    create(DeltaDiscoveryRequestSchema, request),
  );
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  stream.write(Buffer.concat([prefix, message]));
  return stream;
}

test("policies go to whom they apply, follow edits, and are all there for a foreign proxy", async (t) => {
  const fixture = await startControlFixture(t, {
    ...shop,
    "p.json": policyManifest("p", { action: "Deny", rules: [{ to: { ports: [1] } }] }),
    "q.json": policyManifest("q", { action: "Allow" }, "other"),
    "r.json": policyManifest("r", { action: "Allow", selector: { matchLabels: { app: "x" } } }),
  });
  const node = { id: "web", metadata: { NAME: "a", NAMESPACE: "shop" } };
  const own = fixture.dial().stream();
  own.send({ node, typeUrl: authorizationType });
  assert.deepEqual(names(await own.next()), ["shop/p"]);
  // The name in the metadata counts only when the certificate fits it.
  const foreign = fixture.dial("spiffe://cluster.local/ns/other/sa/web").stream();
  foreign.send({ node, typeUrl: authorizationType });
  assert.deepEqual(names(await foreign.next()), ["shop/p", "other/q", "shop/r"]);
  fixture.folder.write("s.json", policyManifest("s", { action: "Allow" }));
  assert.deepEqual(names(await own.next()), ["shop/s"]);
  fixture.folder.remove("p.json");
  assert.deepEqual((await own.next()).removedResources, ["shop/p"]);
});

test("a policy that selects a workload is sent before the workload names it", async (t) => {
  const fixture = await startControlFixture(t, shop);
  const node = { id: "web", metadata: { NAME: "a", NAMESPACE: "shop" } };
  const stream = fixture.dial().stream();
  stream.send({ node, ...ask("/10.0.0.1") });
  stream.send({ typeUrl: authorizationType });
  await stream.next();
  await stream.next();
  fixture.folder.write(
    "p.json",
    policyManifest("p", { action: "Allow", selector: { matchLabels: { app: "web" } } }),
  );
  assert.deepEqual(names(await stream.next()), ["shop/p"]);
  assert.deepEqual(names(await stream.next()), ["/10.0.0.1"]);
});

test("a broken manifest is reported with its place, and its last good state stays", async (t) => {
  const fixture = await startControlFixture(t, shop);
  const stream = fixture.dial().stream();
  stream.send(ask("/10.0.0.1"));
  await stream.next();
  fixture.folder.write("a.json", '{"apiVersion": "v1",\n"kind": "Pod"}');
  const line = await eventually("report", () =>
    fixture.logLines().find((line) => line.includes("manifest not used")),
  );
  assert.match(line, /a\.json/);
  assert.match(line, /"line":1/);
  assert.match(line, /metadata is missing/);
  assert.match(await fixture.metrics(), /manifest_problems\{severity="error"\} 2/);
  fixture.folder.write("b.json", podManifest("b", "10.0.0.20"));
  stream.send(ask("/10.0.0.1", "/10.0.0.20"));
  const answer = await eventually("both", async () => {
    stream.send(ask("/10.0.0.1", "/10.0.0.20"));
    const response = await stream.next();
    return response.resources.length === 2 && response;
  });
  assert.deepEqual(names(answer), ["/10.0.0.1", "/10.0.0.20"]);
});

test("a type that control does not serve is answered empty", async (t) => {
  const fixture = await startControlFixture(t);
  const stream = fixture.dial().stream();
  stream.send({ typeUrl: "type.googleapis.com/envoy.config.cluster.v3.Cluster" });
  const response = await stream.next();
  assert.deepEqual([response.resources, response.removedResources], [[], []]);
});

test("a client without a certificate or of another authority gets no stream", async (t) => {
  const fixture = await startControlFixture(t, shop);
  const other = openAuthority(temporaryFolder(t).path, "cluster.local", Date.now()).authority;
  const own = certify(other, { uri: "spiffe://cluster.local/ns/shop/sa/web" });
  const contexts = [
    createSecureContext({ ca: fixture.authority.rootPem }),
    createSecureContext({ ...tlsOptionsOf(own, fixture.authority.rootPem) }),
  ];
  const { requestSerialize, responseDeserialize } =
    discoveryServiceDefinition.deltaAggregatedResources;
  for (const context of contexts) {
    const channel = credentials.createFromSecureContext(context, {
      checkServerIdentity: () => undefined,
    });
    const client = new Client(`127.0.0.1:${fixture.port}`, channel, serverName);
    const call = client.makeBidiStreamRequest(discoveryPath, requestSerialize, responseDeserialize);
    call.on("error", () => {});
    const { code } = await new Promise<{ code: number }>((resolve) => call.on("status", resolve));
    assert.equal(code, status.UNAVAILABLE);
    client.close();
  }
});

test("a certificate of our authority with a foreign trust domain is refused", async (t) => {
  const fixture = await startControlFixture(t, shop);
  const stream = fixture.dial("spiffe://elsewhere/ns/shop/sa/web").stream();
  stream.send(ask("/10.0.0.1"));
  assert.equal((await stream.status).code, status.UNAUTHENTICATED);
  assert.match(await fixture.metrics(), /refusals_total\{reason="foreign_trust_domain"\} 1/);
});

test("a proxy that asks for a name without end is stopped", async (t) => {
  const fixture = await startControlFixture(t, shop);
  const stream = fixture.dial().stream();
  stream.send(ask("x".repeat(600)));
  assert.equal((await stream.status).code, status.RESOURCE_EXHAUSTED);
});

test("readiness follows the discovery service", async (t) => {
  const fixture = await startControlFixture(t);
  const url = `http://127.0.0.1:${fixture.control.metricsPort}`;
  assert.equal((await fetch(`${url}/ready`)).status, 200);
  assert.equal((await fetch(`${url}/live`)).status, 200);
});

test("a replica that stops ends its streams one after the other", async (t) => {
  const fixture = await startControlFixture(t, shop);
  const streams = [1, 2, 3, 4].map(() => fixture.dial().stream());
  for (const stream of streams) {
    stream.send(ask("/10.0.0.1"));
    await stream.next();
  }
  const ended: number[] = [];
  const all = streams.map(async (stream, index) => {
    const { code } = await stream.status;
    assert.equal(code, status.UNAVAILABLE);
    ended.push(index);
  });
  const closing = fixture.control.close();
  await Promise.race(all);
  assert.equal(ended.length, 1, "the others go on meanwhile");
  await Promise.all(all);
  await closing;
});
