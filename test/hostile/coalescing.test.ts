/**
 * One connection, many authorities (RFC 9113 9.1.1): what a connection may ask was never decided when it was opened. Each
 * request is judged by its own authority and port, goes where its connection was made to, and never to a pod that took an address over.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, get, type IncomingMessage, type Server } from "node:http";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import { after, before, beforeEach, test } from "node:test";
import tls from "node:tls";
import { formatSpiffeId } from "../../src/core/spiffe-id.ts";
import {
  createTestAuthority,
  issueTestLeaf,
  meshEndpoint,
  openPolicies,
  serviceOf,
  startTestPod,
  type TestPod,
  trustDomain,
} from "../proxy/mesh-pair.ts";
import { policiesOf } from "../proxy/policy-manifests.ts";

const authority = createTestAuthority();
const peer = formatSpiffeId({ trustDomain, namespace: "test", serviceAccount: "peer" });
/** `port host` of what reached an application. */
const seen: string[] = [];
const apps: Server[] = [];
const ports = { shop: 0, admin: 0 };
let client: TestPod;
let server: TestPod;
let other: TestPod;

before(async () => {
  client = await startTestPod({ ip: "127.0.1.45", serviceAccount: "client", authority });
  server = await startTestPod({ ip: "127.0.1.46", serviceAccount: "server", authority });
  other = await startTestPod({ ip: "127.0.1.47", serviceAccount: "other", authority });
  ports.shop = await startApp(server.ip);
  ports.admin = await startApp(server.ip);
  await startApp(other.ip, ports.shop);
  client.origDst = { ip: "10.96.4.1", port: 80 };
});

beforeEach(() => {
  seen.length = 0;
  server.policies.set(openPolicies);
  const service = serviceOf([meshEndpoint(server, ports.shop)], "http1");
  client.destinations.set("10.96.4.1:80", service);
  client.destinations.set("10.96.4.2:80", serviceOf([meshEndpoint(other, ports.shop)], "http1"));
});

after(async () => {
  for (const app of apps) {
    app.close();
    app.closeAllConnections();
  }
  for (const pod of [client, server, other]) await pod.stop();
});

async function startApp(ip: string, port = 0): Promise<number> {
  const app = createServer((request, response) => {
    seen.push(`${ip} ${request.socket.localPort} ${request.headers.host}`);
    response.end();
  });
  apps.push(app);
  await once(app.listen(port, ip), "listening");
  return (app.address() as { port: number }).port;
}

/** An authenticated connection of a peer of the mesh. */
function openMesh(): ClientHttp2Session {
  const { key, cert } = issueTestLeaf(authority, peer);
  const host = server.ip;
  const options = { key, cert, host, port: 15_008, rejectUnauthorized: false };
  return connect(`https://${host}:15008`, {
    createConnection: () => tls.connect({ ...options, ALPNProtocols: ["h2"] }),
  });
}

async function statusOf(
  session: ClientHttp2Session,
  host: string,
  headers: IncomingHttpHeaders = {},
): Promise<number> {
  const stream = session.request({ ":path": "/", ":authority": host, ...headers });
  const [answer] = (await once(stream, "response")) as [IncomingHttpHeaders];
  stream.close();
  return Number(answer[":status"]);
}

test("each request on an authenticated connection is judged by its own authority", async () => {
  server.policies.set(
    policiesOf({
      p: "AuthorizationPolicy {action: Deny, rules: [{to: {hosts: [admin.test]}}]}",
    }),
  );
  const session = openMesh();
  const to = { "remora-dst": `${ports.shop};h1` };
  const hosts = ["shop.test", "admin.test", "ADMIN.test:80", "shop.test", "admin.test"];
  const statuses: number[] = [];
  for (const host of hosts) statuses.push(await statusOf(session, host, to));
  session.close();
  assert.deepEqual(statuses, [200, 403, 403, 200, 403]);
  const served = `${server.ip} ${ports.shop} shop.test`;
  assert.deepEqual(seen, [served, served]);
});

test("each request on an authenticated connection is judged by its own port", async () => {
  server.policies.set(
    policiesOf({
      p: `AuthorizationPolicy {action: Allow, rules: [{to: {ports: [${ports.shop}]}}]}`,
    }),
  );
  const session = openMesh();
  const statuses: number[] = [];
  for (const port of [ports.shop, ports.admin, ports.shop]) {
    statuses.push(await statusOf(session, "shop.test", { "remora-dst": `${port};h1` }));
  }
  session.close();
  assert.deepEqual(statuses, [200, 403, 200]);
  assert.equal(seen.length, 2);
});

test("a request for another authority goes where its connection was made to", async () => {
  using application = new Application();
  assert.equal(await application.ask("shop.test"), 200);
  assert.equal(await application.ask("10.96.4.2"), 200);
  const served = `${server.ip} ${ports.shop}`;
  assert.deepEqual(seen, [`${served} shop.test`, `${served} 10.96.4.2`]);
});

test("a connection to a pod is not used for another identity at the same address", async () => {
  using application = new Application();
  assert.equal(await application.ask("shop.test"), 200);
  const successor = { ...meshEndpoint(server, ports.shop), identity: other.identity, uid: "new" };
  client.destinations.set("10.96.4.1:80", serviceOf([successor], "http1"));
  assert.equal(await application.ask("shop.test"), 502);
  assert.equal(client.accessLog.at(-1)?.error, "certificate_rejected");
  assert.equal(seen.length, 1);
});

/** What the client's pod runs, with one connection. */
class Application {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  async ask(host: string): Promise<number | undefined> {
    const to = { host: client.ip, port: 15_001, agent: this.#agent, headers: { host } };
    const [response] = (await once(get(to), "response")) as [IncomingMessage];
    response.resume();
    await once(response, "end");
    return response.statusCode;
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
