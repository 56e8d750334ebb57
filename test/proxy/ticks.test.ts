/** What the sidecars do as seconds pass, by a clock that the test moves. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { createFakeClock } from "../support/fake-clock.ts";
import {
  createTestAuthority,
  meshEndpoint,
  serviceOf,
  startTestPod,
  type TestPod,
} from "./mesh-pair.ts";

const clock = createFakeClock();
const authority = createTestAuthority();
const clientIp = "127.0.0.22";
const serverIp = "127.0.0.23";
const app = http.createServer((_request, response) => response.end("ok"));
let client: TestPod;
let server: TestPod;

before(async () => {
  client = await startTestPod({ ip: clientIp, serviceAccount: "client", authority, clock });
  server = await startTestPod({ ip: serverIp, serviceAccount: "server", authority, clock });
  // The application itself keeps connections for ever: who closes them is the sidecar.
  app.keepAliveTimeout = 0;
  app.listen(8_282, serverIp);
  await once(app, "listening");
  client.origDst = { ip: "10.96.0.1", port: 80 };
  client.destinations.set("10.96.0.1:80", serviceOf([meshEndpoint(server, 8_282)], "http1"));
});

after(async () => {
  app.close();
  app.closeAllConnections();
  await client.stop();
  await server.stop();
});

async function get(): Promise<string> {
  const request = http.get({ host: clientIp, port: 15_001, agent: false });
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  return await text(response);
}

test("an idle connection to the application is closed after four seconds, before the application would", async () => {
  const connected = once(app, "connection") as Promise<
    [{ once(event: "close", f: () => void): void }]
  >;
  assert.equal(await get(), "ok");
  const [socket] = await connected;
  const closed = new Promise<void>((resolve) => socket.once("close", resolve));
  clock.advance(3_000);
  assert.equal(server.dataPath.upstreams.connections, 1);
  clock.advance(2_000);
  await closed;
  assert.equal(server.dataPath.upstreams.connections, 0);
});

test("a mesh connection whose peer answers its PINGs stays while it is used, however seldom", async () => {
  assert.equal(await get(), "ok");
  for (let round = 0; round < 12; round += 1) {
    clock.advance(10_000);
    // A turn of the loop lets the PING and its answer pass.
    assert.equal(await get(), "ok");
  }
  assert.equal(client.dataPath.upstreams.connections, 1);
});

test("a mesh connection that nobody uses is closed after fifteen seconds, and dialled again when it is wanted", async () => {
  client.dataPath.upstreams.drain();
  assert.equal(await get(), "ok");
  // One PING is sent in this time, none becomes due.
  clock.advance(14_000);
  assert.equal(client.dataPath.upstreams.connections, 1);
  clock.advance(1_000);
  assert.equal(client.dataPath.upstreams.connections, 0);
  assert.equal(await get(), "ok");
  assert.equal(client.dataPath.upstreams.connections, 1);
});

test("an application that speaks HTTP/2 is not sent a PING, however long its stream is idle", async () => {
  // gRPC's servers end a connection with ENHANCE_YOUR_CALM that is pinged more often than every five minutes.
  let pings = 0;
  const grpcLike = http2.createServer();
  const sessions = new Set<http2.ServerHttp2Session>();
  grpcLike.on("session", (session) => {
    sessions.add(session);
    session.on("ping", () => (pings += 1));
  });
  grpcLike.on("stream", (stream: http2.ServerHttp2Stream) => stream.respond({ ":status": 200 }));
  grpcLike.listen(8_283, serverIp);
  await once(grpcLike, "listening");
  client.destinations.set("10.96.0.1:80", serviceOf([meshEndpoint(server, 8_283)], "http2"));
  const session = http2.connect(`http://${clientIp}:15001`);
  try {
    const watching = session.request({ ":path": "/watch" });
    await once(watching, "response");
    for (let round = 0; round < 12; round += 1) {
      clock.advance(10_000);
      const asked = session.request({ ":path": "/now" });
      await once(asked, "response");
      asked.close();
    }
    assert.equal(pings, 0);
    assert.equal(watching.destroyed, false);
  } finally {
    session.destroy();
    for (const each of sessions) each.destroy();
    grpcLike.close();
    client.destinations.set("10.96.0.1:80", serviceOf([meshEndpoint(server, 8_282)], "http1"));
  }
});

test("a head that stays incomplete is answered with 408 after thirty seconds", async () => {
  const socket = connect({ host: clientIp, port: 15_001, allowHalfOpen: true });
  socket.write("GET / HTTP/1.1\r\nhost: x\r\n");
  // The sidecar has read it when it answers somebody who came later.
  assert.equal(await get(), "ok");
  const answer = text(socket);
  clock.advance(32_000);
  assert.match(await answer, /^HTTP\/1.1 408 /);
  socket.end();
});
