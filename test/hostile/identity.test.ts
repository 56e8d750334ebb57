/** Who calls is what the TLS session proved; nothing that a client writes changes it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import { connect, type Server } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import tls from "node:tls";
import { formatSpiffeId } from "../../src/core/spiffe-id.ts";
import {
  createTestAuthority,
  issueTestLeaf,
  meshEndpoint,
  serviceOf,
  startTestPod,
  type TestAuthority,
  type TestPod,
  trustDomain,
} from "../proxy/mesh-pair.ts";

const authority = createTestAuthority();
const clientId = formatSpiffeId({ trustDomain, namespace: "test", serviceAccount: "client" });
const seen: http.IncomingMessage[] = [];
let connections = 0;
let appPort = 0;
let client: TestPod;
let server: TestPod;
let app: Server;

before(async () => {
  client = await startTestPod({ ip: "127.0.1.4", serviceAccount: "client", authority });
  server = await startTestPod({ ip: "127.0.1.5", serviceAccount: "server", authority });
  app = http.createServer((request, response) => {
    seen.push(request);
    request.resume();
    request.on("end", () => response.end());
  });
  app.on("connection", () => void (connections += 1));
  app.listen(0, server.ip);
  await once(app, "listening");
  appPort = (app.address() as { port: number }).port;
  const endpoint = meshEndpoint(server, appPort);
  client.destinations.set("10.96.1.2:80", serviceOf([endpoint], "http1"));
  client.origDst = { ip: "10.96.1.2", port: 80 };
});

after(async () => {
  app.close();
  await client.stop();
  await server.stop();
});

beforeEach(() => {
  seen.length = 0;
});

async function sendRaw(text: string): Promise<string> {
  const socket = connect({ host: client.ip, port: 15_001, allowHalfOpen: true });
  let heard = "";
  socket.on("data", (chunk) => void (heard += chunk.toString("latin1")));
  socket.end(text, "latin1");
  await once(socket, "end");
  socket.destroy();
  return heard;
}

const forgeries: Readonly<Record<string, string>> = {
  plainly: "remora-client-id: forged\r\n",
  twice: "remora-client-id: forged\r\nremora-client-id: forged\r\n",
  "in mixed case": "ReMoRa-Client-ID: forged\r\n",
  "beside a Connection option for it":
    "Connection: remora-client-id\r\nremora-client-id: forged\r\n",
  "by a Connection option alone": "Connection: remora-client-id, remora-dst\r\n",
  "beside a destination": "remora-dst: 15008;h1\r\nREMORA-DST: 1\r\nremora-client-id: forged\r\n",
};

for (const [how, lines] of Object.entries(forgeries)) {
  test(`an identity header written ${how} is replaced by what was proved`, async () => {
    const heard = await sendRaw(`GET / HTTP/1.1\r\nHost: a.test\r\n${lines}\r\n`);
    assert.match(heard, /^HTTP\/1\.1 200 /);
    assert.equal(seen.length, 1);
    const names = seen[0]?.rawHeaders.filter((_, at) => at % 2 === 0) ?? [];
    const own = names.filter((name) => name.toLowerCase().startsWith("remora-"));
    assert.deepEqual(own, ["remora-client-id"]);
    assert.equal(seen[0]?.headers["remora-client-id"], clientId);
  });
}

function leafOf(from: TestAuthority, domain: string, lifetime?: number): tls.ConnectionOptions {
  const id = formatSpiffeId({ trustDomain: domain, namespace: "test", serviceAccount: "client" });
  const { key, cert } = issueTestLeaf(from, id, lifetime);
  return { key, cert };
}

const good = leafOf(authority, trustDomain);
const attacks: Readonly<Record<string, tls.ConnectionOptions>> = {
  "has no certificate": {},
  "has a leaf of another authority": leafOf(createTestAuthority(), trustDomain),
  "has a leaf of another trust domain": leafOf(authority, "other.test"),
  "has an expired leaf": leafOf(authority, trustDomain, -60_000),
  "speaks TLS 1.2": { ...good, maxVersion: "TLSv1.2" },
  "offers another protocol": { ...good, ALPNProtocols: ["http/1.1"] },
};

function handshakesRefused(): number {
  const { handshakes } = server.families;
  return (
    handshakes.series("inbound", "failed").value + handshakes.series("inbound", "rejected").value
  );
}

for (const [who, options] of Object.entries(attacks)) {
  test(`a peer that ${who} is refused, forwards nothing and is counted`, async () => {
    const refusedBefore = handshakesRefused();
    const connectionsBefore = connections;
    const host = server.ip;
    const base = { host, port: 15_008, rejectUnauthorized: false, ALPNProtocols: ["h2"] };
    const socket = tls.connect({ ...base, ...options });
    socket.on("error", () => {});
    socket.on("secureConnect", () => {
      socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "latin1");
    });
    socket.resume();
    await new Promise((resolve) => socket.once("close", resolve));
    assert.equal(handshakesRefused(), refusedBefore + 1);
    assert.equal(connections, connectionsBefore);
  });
}

test("plaintext to the mesh port is refused, forwards nothing and is counted", async () => {
  const refusedBefore = handshakesRefused();
  const connectionsBefore = connections;
  const socket = connect({ host: server.ip, port: 15_008 });
  socket.on("error", () => {});
  socket.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  let heard = "";
  socket.on("data", (chunk) => void (heard += chunk.toString("latin1")));
  await new Promise((resolve) => socket.once("close", resolve));
  assert.doesNotMatch(heard, /HTTP\/1\.1 200/);
  assert.equal(handshakesRefused(), refusedBefore + 1);
  assert.equal(connections, connectionsBefore);
});

async function statusOf(headers: http2.OutgoingHttpHeaders): Promise<number> {
  const session = http2.connect(`https://${server.ip}:15008`, {
    createConnection: () =>
      tls.connect({
        ...good,
        host: server.ip,
        port: 15_008,
        rejectUnauthorized: false,
        ALPNProtocols: ["h2"],
      }),
  });
  const stream = session.request(headers);
  const [answer] = (await once(stream, "response")) as [http2.IncomingHttpHeaders];
  stream.close();
  session.close();
  return Number(answer[":status"]);
}

for (const port of [15_001, 15_006, 15_008, 15_020]) {
  test(`a peer cannot reach port ${port} of the sidecar through itself`, async () => {
    const counted = server.accessLog.length;
    const tunnel = await statusOf({ ":method": "CONNECT", ":authority": `${server.ip}:${port}` });
    const request = await statusOf({ ":path": "/", "remora-dst": `${port};h1` });
    assert.deepEqual([tunnel, request], [508, 508]);
    const errors = server.accessLog.slice(counted).map((entry) => entry.error);
    assert.deepEqual(errors, ["loop_detected", "loop_detected"]);
  });
}

test("a tunnel to another pod's address is refused", async () => {
  const connectionsBefore = connections;
  const status = await statusOf({ ":method": "CONNECT", ":authority": `127.0.1.4:${appPort}` });
  assert.equal(status, 400);
  assert.equal(connections, connectionsBefore);
});

test("an identity header among the trailers does not arrive", async () => {
  const trailers = "Remora-Client-Id: forged\r\nX-Sum: 1\r\n";
  const heard = await sendRaw(
    `POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n${trailers}\r\n`,
  );
  assert.match(heard, /^HTTP\/1\.1 200 /);
  assert.deepEqual({ ...seen[0]?.trailers }, { "x-sum": "1" });
});

test("a request whose only trailer was forged still ends whole", async () => {
  const heard = await sendRaw(
    "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nremora-dst: 1\r\n\r\n",
  );
  assert.match(heard, /^HTTP\/1\.1 200 /);
  assert.deepEqual({ ...seen[0]?.trailers }, {});
});
