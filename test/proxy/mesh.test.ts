import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import { connect, createServer, type Server } from "node:net";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { type Authorization, noConditions } from "../../src/api/authorization.ts";
import {
  createTestAuthority,
  issueTestLeaf,
  meshEndpoint,
  openPolicies,
  serviceOf,
  startTestPod,
  type TestPod,
  tlsOf,
} from "./mesh-pair.ts";

const authority = createTestAuthority();
const vip = { ip: "10.96.0.1", port: 80 };
let client: TestPod;
let server: TestPod;
const servers: { close(): void }[] = [];

before(async () => {
  client = await startTestPod({ ip: "127.0.0.2", serviceAccount: "client", authority });
  server = await startTestPod({ ip: "127.0.0.3", serviceAccount: "server", authority });
});

after(async () => {
  await client.stop();
  await server.stop();
  for (const each of servers) each.close();
});

/** Listens as an application of the server pod and makes it the service behind the VIP. */
async function serve(listener: Server | http.Server | http2.Http2Server): Promise<number> {
  listener.listen(0, server.ip);
  await once(listener, "listening");
  servers.push(listener);
  const { port } = listener.address() as { port: number };
  client.destinations.set("10.96.0.1:80", serviceOf([meshEndpoint(server, port)]));
  // Each service gets an address of its own, so that nothing learned of another one matters.
  vip.port += 1;
  client.destinations.set(`${vip.ip}:${vip.port}`, serviceOf([meshEndpoint(server, port)]));
  client.origDst = { ...vip };
  return port;
}

const toProxy = { host: "127.0.0.2", port: 15_001 };

test("an HTTP/1 request crosses the mesh and the application learns who called", async () => {
  await serve(
    http.createServer((request, response) => {
      response.setHeader("x-client", String(request.headers["remora-client-id"]));
      response.setHeader("x-host", String(request.headers.host));
      request.pipe(response);
    }),
  );
  const request = http.request({ ...toProxy, agent: false, method: "POST", path: "/echo?x=1" });
  request.setHeader("host", "shop.test");
  request.setHeader("remora-client-id", "forged");
  request.end("a body");
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  assert.equal(response.statusCode, 200);
  assert.equal(response.headers["x-client"], "spiffe://cluster.local/ns/test/sa/client");
  assert.equal(response.headers["x-host"], "shop.test");
  assert.equal(await text(response), "a body");
  const entry = client.accessLog.at(-1);
  assert.equal(entry?.peer, server.identity);
  assert.equal(entry?.status, 200);
});

test("keep-alive connections carry many requests over one mesh connection", async () => {
  await serve(http.createServer((request, response) => response.end(request.url)));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  const one = async (index: number): Promise<void> => {
    const request = http.get({ ...toProxy, agent, path: `/${index}` });
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    assert.equal(await text(response), `/${index}`);
  };
  for (let round = 0; round < 10; round += 1) {
    await Promise.all(Array.from({ length: 10 }, (_, index) => one(round * 10 + index)));
  }
  agent.destroy();
  assert.equal(client.dataPath.upstreams.connections, 1);
});

test("HTTP/2 with prior knowledge keeps its trailers", async () => {
  const app = http2.createServer();
  app.on("stream", (stream: http2.ServerHttp2Stream) => {
    stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "42" }));
    stream.end("hello");
  });
  await serve(app);
  const session = http2.connect("http://127.0.0.2:15001");
  const stream = session.request({ ":path": "/" });
  const trailers = once(stream, "trailers") as Promise<[http2.IncomingHttpHeaders]>;
  assert.equal(await text(stream), "hello");
  assert.equal((await trailers)[0]["x-sum"], "42");
  session.close();
});

test("a server that speaks first is heard without delay, and half-close is kept", async () => {
  const app = createServer({ allowHalfOpen: true }, (socket) => {
    socket.write("welcome\n");
    socket.on("data", (chunk) => socket.write(chunk));
    socket.on("end", () => socket.end("bye\n"));
    socket.on("error", () => {});
  });
  await serve(app);
  const socket = connect({ ...toProxy, allowHalfOpen: true });
  const [greeting] = (await once(socket, "data")) as [Buffer];
  assert.equal(greeting.toString(), "welcome\n");
  socket.end("ping\n");
  assert.equal(await text(socket), "ping\nbye\n");
});

test("bytes of an unknown protocol pass as they are", async () => {
  await serve(createServer((socket) => void socket.pipe(socket)));
  const socket = connect({ ...toProxy, allowHalfOpen: true });
  const sent = Buffer.alloc(3_000_000, "\u0001\u0002xyz");
  socket.end(sent);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  assert.ok(Buffer.concat(chunks).equals(sent));
});

test("an application that is not there is a 502 with its cause", async () => {
  const port = await serve(http.createServer());
  servers.pop()?.close();
  const request = http.get({ ...toProxy, path: "/", agent: false });
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  assert.equal(response.statusCode, 502);
  assert.match(String(response.headers["proxy-status"]), /^remora; error=connection_refused/);
  assert.match(String(response.headers["proxy-status"]), new RegExp(`127.0.0.3:${port}`));
});

function denyPort(port: number): Authorization {
  return {
    namespace: "test",
    name: "deny",
    scope: "namespace",
    action: "deny",
    dryRun: false,
    rules: [{ clauses: [{ matches: [{ ...noConditions, destinationPorts: [port] }] }] }],
  };
}

test("a policy in audit mode cuts nothing and counts whom it would have denied", async () => {
  const port = await serve(
    createServer((socket) => void socket.on("error", () => {}).pipe(socket)),
  );
  server.policies.set({ ...openPolicies, policies: [{ ...denyPort(port), dryRun: true }] });
  const socket = connect({ ...toProxy });
  socket.write("x");
  const [echo] = (await once(socket, "data")) as [Buffer];
  assert.equal(echo.toString(), "x");
  assert.equal(server.families.audits.series("test/deny").value, 1);
  socket.destroy();
  server.policies.set(openPolicies);
});

test("a policy that withdraws its permit cuts a live connection and refuses the next request", async () => {
  const port = await serve(
    createServer((socket) => void socket.on("error", () => {}).pipe(socket)),
  );
  const socket = connect({ ...toProxy });
  socket.write("x");
  await once(socket, "data");
  const failed = new Promise<NodeJS.ErrnoException>((resolve) => socket.once("error", resolve));
  server.policies.set({ ...openPolicies, policies: [denyPort(port)] });
  assert.equal((await failed).code, "ECONNRESET");
  server.policies.set(openPolicies);
});

test("a certificate that is renewed under load loses nothing", async () => {
  await serve(http.createServer((_request, response) => response.end("ok")));
  const agent = new http.Agent({ keepAlive: true });
  for (let index = 0; index < 20; index += 1) {
    const request = http.get({ ...toProxy, agent });
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    assert.equal(response.statusCode, 200);
    await text(response);
    for (const pod of [client, server]) {
      pod.tls.set(tlsOf(issueTestLeaf(authority, pod.identity), pod.identity, authority.pem));
    }
  }
  agent.destroy();
});

test("a body many times larger than every window arrives whole in both directions", async () => {
  await serve(http.createServer((request, response) => request.pipe(response)));
  const request = http.request({ ...toProxy, agent: false, method: "POST" });
  const part = Buffer.alloc(1024 * 1024, "remora");
  const parts = 20;
  Readable.from(Array.from({ length: parts }, () => part)).pipe(request);
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  let length = 0;
  for await (const chunk of response) length += (chunk as Buffer).length;
  assert.equal(length, parts * part.length);
});

test("finding out that bytes are opaque costs the server one connection, not two", async () => {
  let connections = 0;
  const open = new Set<unknown>();
  const app = createServer((socket) => {
    connections += 1;
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  await serve(app);
  const socket = connect(toProxy);
  socket.write(Buffer.from([1, 2, 3, 4]));
  await once(socket, "data");
  assert.equal(connections, 1);
  socket.end();
  await once(socket, "close");
  while (open.size > 0) await new Promise((resolve) => setImmediate(resolve));
});
