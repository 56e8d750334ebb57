import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { createSecureContext } from "node:tls";
import type { WorkloadTls } from "../../src/credentials/credentials.ts";
import type { Authority } from "../../src/identity/authority.ts";
import { openAuthority } from "../../src/identity/authority-files.ts";
import { certify, tlsOptionsOf } from "../identity/certified-peer.ts";
import {
  createTestAuthority,
  meshEndpoint,
  serviceOf,
  startTestPod,
  type TestPod,
} from "./mesh-pair.ts";

const directory = mkdtempSync(join(tmpdir(), "remora-root-rotation-"));
const openRoot = (name: string): Authority =>
  openAuthority(join(directory, name), "cluster.local", Date.now()).authority;
const oldRoot = openRoot("old");
const newRoot = openRoot("new");
const both = oldRoot.rootPem + newRoot.rootPem;
const application = http.createServer((request, response) => void request.pipe(response));
let client: TestPod;
let server: TestPod;

/** What the credentials of a pod give after they were issued by `authority` and trust `anchors`. */
function tlsFrom(pod: TestPod, authority: Authority, anchors: string): WorkloadTls {
  const serverOptions = tlsOptionsOf(certify(authority, { uri: pod.identity }), anchors);
  const { identity: id } = pod;
  const certificate = {
    id,
    notAfter: Date.now() + 3_600_000,
  } as unknown as WorkloadTls["certificate"];
  return { certificate, serverOptions, clientContext: createSecureContext(serverOptions) };
}

before(async () => {
  const authority = createTestAuthority();
  client = await startTestPod({ ip: "127.0.0.4", serviceAccount: "client", authority });
  server = await startTestPod({ ip: "127.0.0.5", serviceAccount: "server", authority });
  await once(application.listen(0, server.ip), "listening");
  const { port } = application.address() as AddressInfo;
  client.destinations.set("10.96.0.2:80", serviceOf([meshEndpoint(server, port)], "http1"));
  client.origDst = { ip: "10.96.0.2", port: 80 };
  for (const pod of [client, server]) pod.tls.set(tlsFrom(pod, oldRoot, oldRoot.rootPem));
});
after(async () => {
  await client.stop();
  await server.stop();
  application.close();
  rmSync(directory, { recursive: true });
});

async function post(body: string): Promise<string> {
  const request = http.request({ host: client.ip, port: 15_001, agent: false, method: "POST" });
  request.end(body);
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  return `${response.statusCode} ${await text(response)}`;
}

const handshakes = (pod: TestPod, direction: string, result: string): number =>
  pod.families.handshakes.series(direction, result).value;

test("no request fails in any order in which pods learn of a new root and get its leaves", async () => {
  const steps: readonly (readonly [string, () => void])[] = [
    ["all old", () => {}],
    ["the client trusts both", () => client.tls.set(tlsFrom(client, oldRoot, both))],
    ["the server trusts both", () => server.tls.set(tlsFrom(server, oldRoot, both))],
    ["the server has a new leaf", () => server.tls.set(tlsFrom(server, newRoot, both))],
    ["the client has a new leaf", () => client.tls.set(tlsFrom(client, newRoot, both))],
    [
      "the client forgets the old root",
      () => client.tls.set(tlsFrom(client, newRoot, newRoot.rootPem)),
    ],
    [
      "the server forgets the old root",
      () => server.tls.set(tlsFrom(server, newRoot, newRoot.rootPem)),
    ],
  ];
  for (const [step, act] of steps) {
    act();
    const answers = await Promise.all(["a", "b", "c"].map(post));
    assert.deepEqual(answers, ["200 a", "200 b", "200 c"], step);
    // New connections as well as those that are open.
    client.dataPath.upstreams.drain();
    assert.equal(await post(step), `200 ${step}`);
  }
  for (const pod of [client, server]) {
    for (const direction of ["inbound", "outbound"]) {
      assert.equal(handshakes(pod, direction, "failed"), 0);
    }
  }
});

test("a connection is drained when the root above its peer leaves the bundle, and others stay", async () => {
  client.tls.set(tlsFrom(client, newRoot, both));
  server.tls.set(tlsFrom(server, oldRoot, both));
  client.dataPath.upstreams.drain();
  assert.equal(await post("x"), "200 x");
  const before = handshakes(client, "outbound", "ok");
  server.tls.set(tlsFrom(server, newRoot, newRoot.rootPem));
  assert.equal(await post("y"), "200 y");
  assert.equal(handshakes(client, "outbound", "ok"), before, "the server still trusts the client");
  client.tls.set(tlsFrom(client, newRoot, newRoot.rootPem));
  assert.equal(await post("z"), "200 z");
  assert.equal(
    handshakes(client, "outbound", "ok"),
    before + 1,
    "the client asked for a new proof",
  );
});
