/** Policies as clients meet them, with real sockets: what is answered, what is cut, what is written down. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import { connect, createServer, type Server, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { after, afterEach, before, test } from "node:test";
import {
  createTestAuthority,
  meshEndpoint,
  openPolicies,
  serviceOf,
  startTestPod,
  type TestPod,
} from "./mesh-pair.ts";
import { policiesOf } from "./policy-manifests.ts";

const authority = createTestAuthority();
const vip = { ip: "10.96.2.1", port: 80 };
const declaredPort = 18_473;
let client: TestPod;
let server: TestPod;
const servers: { close(): void }[] = [];
const sockets: Socket[] = [];

before(async () => {
  client = await startTestPod({ ip: "127.0.0.22", serviceAccount: "client", authority });
  server = await startTestPod({
    ip: "127.0.0.23",
    serviceAccount: "server",
    authority,
    inboundProtocols: new Map([[declaredPort, "http1"]]),
  });
});

afterEach(() => {
  server.policies.set(openPolicies);
  for (const socket of sockets.splice(0)) socket.destroy();
});

after(async () => {
  await client.stop();
  await server.stop();
  for (const each of servers) each.close();
});

/** Listens as an application of the server pod; the service and the captured port lead to it. */
async function serve(listener: Server | http.Server, at = 0, declared?: "http1"): Promise<number> {
  listener.listen(at, server.ip);
  await once(listener, "listening");
  servers.push(listener);
  const { port } = listener.address() as { port: number };
  vip.port += 1;
  client.destinations.set(
    `${vip.ip}:${vip.port}`,
    serviceOf([meshEndpoint(server, port)], declared),
  );
  client.origDst = { ...vip };
  server.inboundDst = { ip: server.ip, port };
  return port;
}

/** Answers with the path as it arrived. */
function pathServer(): http.Server {
  return http.createServer((request, response) => response.end(request.url));
}

const throughMesh = { host: "127.0.0.22", port: 15_001 };
const plaintext = { host: "127.0.0.23", port: 15_006 };

interface Answer {
  readonly status: number | undefined;
  readonly proxyStatus: string;
  readonly body: string;
}

async function ask(options: http.RequestOptions, path = "/"): Promise<Answer> {
  const request = http.get({ agent: false, ...options, path });
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  const proxyStatus = String(response.headers["proxy-status"]);
  return { status: response.statusCode, proxyStatus, body: await text(response) };
}

function dial(to: { host: string; port: number }): Socket {
  const socket = connect(to);
  sockets.push(socket);
  return socket;
}

/** The code with which the connection ends; empty when it ends in order. */
function endOf(socket: Socket): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"));
  socket.on("close", () => resolve(""));
  socket.resume();
  return promise;
}

function echoServer(): Server {
  return createServer((socket) => void socket.on("error", () => {}).pipe(socket));
}

const denyAdmin = {
  admin: "AuthorizationPolicy {action: Deny, rules: [{to: {paths: [/admin, '/admin/*']}}]}",
};

test("a rule about paths denies the request that it means, and says to a peer which policy did", async () => {
  await serve(pathServer());
  server.policies.set(policiesOf(denyAdmin));
  const fine = await ask(throughMesh, "/x/../orders//%61?b=/../c");
  assert.deepEqual([fine.status, fine.body], [200, "/orders/a?b=/../c"]);
  for (const path of [
    "/admin",
    "/admin/",
    "//admin/x",
    "/%61dmin",
    "/x%2f..%2fadmin",
    "/admin;x",
  ]) {
    const denied = await ask(throughMesh, path);
    assert.ok(denied.status === 403 || denied.status === 400, `${path}: ${denied.status}`);
  }
  assert.equal(
    (await ask(throughMesh, "/admin")).proxyStatus,
    'remora; error=http_request_denied; details="policy_denied: policy test/admin denies the request"',
  );
  assert.equal(
    (await ask(throughMesh, "/x/..;/y")).proxyStatus,
    'remora; error=http_request_error; details="ambiguous_request: the path has more than one meaning, or none"',
  );
  assert.ok(server.families.denials.series("test/admin").value >= 2);
  const entry = server.accessLog.findLast(({ path }) => path === "/admin");
  assert.deepEqual(
    [entry?.policy, entry?.error, entry?.flag],
    ["test/admin", "policy_denied", "UAEX"],
  );
});

test("a caller outside of the mesh is told that it may not, and no more", async () => {
  await serve(pathServer());
  server.policies.set(policiesOf(denyAdmin));
  assert.equal((await ask(plaintext, "/orders")).status, 200);
  const denied = await ask(plaintext, "/admin");
  assert.equal(denied.status, 403);
  assert.match(denied.proxyStatus, /details="policy_denied: not permitted"$/);
  const entry = server.accessLog.at(-1);
  assert.deepEqual(
    [entry?.policy, entry?.detail],
    ["test/admin", "policy test/admin denies the request"],
  );
});

test("an allow rule about requests lets these in and no others, on connections that are kept", async () => {
  await serve(pathServer());
  const to = "to: {methods: [GET], paths: ['/orders/*'], hosts: ['*.example.com']}";
  server.policies.set(
    policiesOf({ orders: `AuthorizationPolicy {action: Allow, rules: [{${to}}]}` }),
  );
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const headers = { host: "Shop.Example.COM:80" };
  const options = { ...throughMesh, agent };
  assert.equal((await ask({ ...options, headers }, "/orders/1")).status, 200);
  assert.equal((await ask({ ...options, headers }, "/carts/1")).status, 403);
  assert.equal((await ask({ ...options, headers }, "/orders/../carts/1")).status, 403);
  assert.equal((await ask({ ...options, headers, method: "PUT" }, "/orders/1")).status, 403);
  assert.equal((await ask({ ...options, headers: { host: "shop" } }, "/orders/1")).status, 403);
  assert.equal((await ask({ ...options, headers }, "/orders/2")).status, 200);
  agent.destroy();
});

test("bytes that are not HTTP are neither let in by a rule about requests nor past one", async () => {
  await serve(echoServer());
  for (const action of ["Allow", "Deny"]) {
    server.policies.set(
      policiesOf({ p: `AuthorizationPolicy {action: ${action}, rules: [{to: {paths: [/x]}}]}` }),
    );
    for (const to of [throughMesh, plaintext]) {
      const socket = dial(to);
      socket.write(Buffer.from([1, 2, 3, 4]));
      assert.equal(await endOf(socket), "ECONNRESET", `${action} ${to.port}`);
    }
  }
});

test("a client that speaks late is not taken for one that does not speak HTTP", async () => {
  await serve(pathServer());
  server.policies.set(policiesOf(denyAdmin));
  const before = server.accessLog.length;
  const socket = dial(throughMesh);
  await once(socket, "connect");
  // The tunnel that was opened on the chance that the server speaks first has been refused by now.
  while (server.accessLog.length === before) await new Promise((resolve) => setImmediate(resolve));
  socket.write("GET /orders HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  assert.match(await text(socket), /^HTTP\/1\.1 200 OK\r\n[^]*\/orders/);
});

test("a policy that comes later refuses the next request of a live connection", async () => {
  await serve(pathServer());
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const options = { ...throughMesh, agent };
  assert.equal((await ask(options, "/admin")).status, 200);
  server.policies.set(policiesOf(denyAdmin));
  assert.equal((await ask(options, "/admin")).status, 403);
  assert.equal((await ask(options, "/orders")).status, 200);
  server.policies.set(openPolicies);
  assert.equal((await ask(options, "/admin")).status, 200);
  agent.destroy();
});

test("a policy that comes later cuts the requests that it denies, and no others", async () => {
  await serve(
    http.createServer((request, response) => {
      response.write("begun");
      if (request.url === "/orders") server.policies.subscribe(() => response.end(" and ended"));
    }),
  );
  const open = async (path: string): Promise<http.IncomingMessage> => {
    const request = http.get({ ...throughMesh, agent: false, path });
    request.on("error", () => {});
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    return response;
  };
  const admin = await open("/admin");
  const orders = await open("/orders");
  const cut = assert.rejects(text(admin), { code: "ECONNRESET" });
  server.policies.set(policiesOf(denyAdmin));
  await cut;
  assert.equal(await text(orders), "begun and ended");
});

test("a policy that comes later cuts TCP streams through the mesh and in plaintext", async () => {
  const port = await serve(echoServer());
  const streams = [dial(throughMesh), dial(plaintext)];
  for (const stream of streams) {
    stream.write("x");
    await once(stream, "data");
  }
  const ends = streams.map(endOf);
  server.policies.set(
    policiesOf({ p: `AuthorizationPolicy {action: Deny, rules: [{to: {ports: [${port}]}}]}` }),
  );
  assert.deepEqual(await Promise.all(ends), ["ECONNRESET", "ECONNRESET"]);
});

const strict = { strict: "MeshPolicy {mtls: Strict}" };

test("strict mutual TLS refuses requests in plaintext with the reason, and takes them from the mesh", async () => {
  await serve(pathServer());
  server.policies.set(policiesOf(strict));
  const refused = await ask(plaintext, "/x");
  assert.equal(refused.status, 403);
  assert.match(refused.proxyStatus, /details="policy_denied: this port takes mutual TLS only"$/);
  assert.equal((await ask(throughMesh, "/x")).status, 200);
  assert.ok(server.families.denials.series("MeshPolicy test/strict").value > 0);
});

test("strict mutual TLS resets what is not HTTP, also from clients that wait for a greeting", async () => {
  let accepted = 0;
  await serve(
    createServer((socket) => {
      accepted += 1;
      socket.end("220 hello\r\n");
    }),
  );
  server.policies.set(policiesOf(strict));
  const silent = dial(plaintext);
  assert.equal(await endOf(silent), "ECONNRESET");
  const speaking = dial(plaintext);
  speaking.write(Buffer.from([1, 2, 3, 4]));
  assert.equal(await endOf(speaking), "ECONNRESET");
  assert.equal(accepted, 0);
});

test("strict mutual TLS that comes later cuts plaintext that runs, and leaves the mesh alone", async () => {
  await serve(echoServer());
  const meshed = dial(throughMesh);
  const plain = dial(plaintext);
  for (const stream of [meshed, plain]) {
    stream.write("x");
    await once(stream, "data");
  }
  const end = endOf(plain);
  server.policies.set(policiesOf(strict));
  assert.equal(await end, "ECONNRESET");
  meshed.write("y");
  const [echo] = (await once(meshed, "data")) as [Buffer];
  assert.equal(echo.toString(), "y");
});

test("a port for which strict mutual TLS is lifted takes plaintext again", async () => {
  const port = await serve(pathServer());
  const lifted = `MeshPolicy {mtls: Strict, ports: [{port: ${port}, mtls: Permissive}]}`;
  server.policies.set(policiesOf({ lifted }));
  assert.equal((await ask(plaintext, "/x")).status, 200);
});

test("a default of deny holds until a policy allows", async () => {
  await serve(pathServer());
  const closed = { closed: "MeshPolicy {defaultAction: Deny}" };
  server.policies.set(policiesOf(closed));
  const denied = await ask(throughMesh, "/x");
  assert.equal(denied.status, 403);
  assert.match(
    denied.proxyStatus,
    /no policy allows it, and MeshPolicy test\/closed denies by default/,
  );
  const from = "from: {serviceAccounts: [client]}";
  const allowed = { ...closed, client: `AuthorizationPolicy {action: Allow, rules: [{${from}}]}` };
  server.policies.set(policiesOf(allowed));
  assert.equal((await ask(throughMesh, "/x")).status, 200);
  assert.equal((await ask(plaintext, "/x")).status, 403);
});

test("audit mode denies nothing, counts every request and writes it into the access log", async () => {
  await serve(pathServer(), 0, "http1");
  const audit = `AuthorizationPolicy {action: Deny, audit: true, rules: [{to: {paths: [/tried]}}]}`;
  server.policies.set(policiesOf({ audit }));
  for (const path of ["//tried", "/tried", "/other"]) {
    const answer = await ask(throughMesh, path);
    assert.deepEqual([answer.status, answer.body], [200, path]);
  }
  assert.equal(server.families.audits.series("test/audit").value, 2);
  const logged = server.accessLog.slice(-3).map(({ path, audit }) => [path, audit]);
  assert.deepEqual(logged, [
    ["//tried", "test/audit"],
    ["/tried", "test/audit"],
    ["/other", undefined],
  ]);
});

test("a tunnel to a port that speaks HTTP is judged request by request", async () => {
  await serve(pathServer(), declaredPort);
  server.policies.set(policiesOf(denyAdmin));
  client.destinations.set(
    `${vip.ip}:${vip.port}`,
    serviceOf([{ ...meshEndpoint(server, declaredPort), tunnel: "hbone" }], "tcp"),
  );
  assert.equal((await ask(throughMesh, "/orders")).status, 200);
  assert.equal((await ask(throughMesh, "/admin")).status, 403);
});

test("a gRPC call that is denied ends with PERMISSION_DENIED and the name of the policy", async () => {
  const grpc = http2.createServer((_request, response) => response.end());
  await serve(grpc);
  const method = "/shop.Orders/Delete";
  server.policies.set(
    policiesOf({ p: `AuthorizationPolicy {action: Deny, rules: [{to: {paths: [${method}]}}]}` }),
  );
  const session = http2.connect(`http://${throughMesh.host}:${throughMesh.port}`);
  const stream = session.request({
    ":method": "POST",
    ":path": method,
    "content-type": "application/grpc",
    te: "trailers",
  });
  const [headers] = (await once(stream, "response")) as [http2.IncomingHttpHeaders];
  assert.equal(headers["grpc-status"], "7");
  assert.match(String(headers["grpc-message"]), /policy test\/p denies the request/);
  session.destroy();
});

test("a place that is known to be strict and has no sidecar is never reached in plaintext", async () => {
  let accepted = 0;
  const listener = createServer((socket) => {
    accepted += 1;
    socket.destroy();
  });
  const port = await serve(listener);
  const bare = { identity: undefined, tunnel: "none", strictBy: "test/strict" } as const;
  const endpoint = { ...meshEndpoint(server, port), ...bare };
  const place = `${vip.ip}:${vip.port}`;
  client.destinations.set(place, serviceOf([endpoint], "http1"));
  const answer = await ask(throughMesh, "/x");
  assert.equal(answer.status, 403);
  assert.match(
    answer.proxyStatus,
    /has no sidecar, and MeshPolicy test\/strict asks for mutual TLS/,
  );
  client.destinations.set(place, serviceOf([endpoint]));
  const opaque = dial(throughMesh);
  opaque.write(Buffer.from([1, 2, 3, 4]));
  assert.equal(await endOf(opaque), "ECONNRESET");
  assert.equal(accepted, 0);
});
