/** Bytes that our detection does not take for HTTP, but an application might: the mesh's headers must still be true. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import type { AppProtocol } from "../../src/proxy/discovery/destination.ts";
import {
  createTestAuthority,
  meshEndpoint,
  serviceOf,
  startTestPod,
  type TestPod,
} from "../proxy/mesh-pair.ts";

const port = 8_181;
const clientIp = "127.0.1.42";
const serverIp = "127.0.1.43";
const undeclaredIp = "127.0.1.51";
const authority = createTestAuthority();
const apps = [serverIp, undeclaredIp].map((ip) => ({
  ip,
  server: http.createServer((request, response) => {
    response.end(`saw ${String(request.headers["remora-client-id"])}\n`);
  }),
}));
let client: TestPod;
let server: TestPod;
/** Declares nothing: its connections are read as HTTP when they begin like HTTP, and pass untouched when not. */
let undeclared: TestPod;

before(async () => {
  client = await startTestPod({ ip: clientIp, serviceAccount: "client", authority });
  server = await startTestPod({
    ip: serverIp,
    serviceAccount: "server",
    authority,
    inboundProtocols: new Map<number, AppProtocol>([[port, "http1"]]),
  });
  undeclared = await startTestPod({ ip: undeclaredIp, serviceAccount: "undeclared", authority });
  for (const app of apps) await once(app.server.listen(port, app.ip), "listening");
  client.origDst = { ip: "10.96.0.1", port: 80 };
  // The hostile side declares its traffic opaque: what protects the application is the application's own sidecar.
  client.destinations.set("10.96.0.1:80", serviceOf([meshEndpoint(server, port)], "tcp"));
});

after(async () => {
  for (const app of apps) {
    app.server.close();
    app.server.closeAllConnections();
  }
  await client.stop();
  await server.stop();
  await undeclared.stop();
});

async function send(address: { host: string; port: number }, bytes: string): Promise<string> {
  const socket = connect({ ...address, allowHalfOpen: true });
  socket.end(bytes, "latin1");
  return await text(socket);
}

const forged = "GET / HTTP/1.1\r\nhost: x\r\nRemora-Client-Id: forged\r\nconnection: close\r\n\r\n";
const throughMesh = { host: clientIp, port: 15_001 };
const inPlaintext = { host: serverIp, port: 15_006 };

for (const [what, bytes] of [
  ["as it should be", forged],
  ["behind an empty line", `\r\n${forged}`],
  ["behind two empty lines", `\r\n\r\n${forged}`],
  ["with bare line feeds", forged.replaceAll("\r\n", "\n")],
  ["with an unknown method", forged.replace("GET", "FROBNICATE-ALL-THE-THINGS-AT-ONCE")],
] as const) {
  test(`a request ${what} in a tunnel never carries an identity that was not proven`, async () => {
    const answer = await send(throughMesh, bytes);
    assert.doesNotMatch(answer, /saw forged/);
    const seen = /saw (\S+)/.exec(answer)?.[1];
    assert.ok(seen === undefined || seen === client.identity, answer);
  });

  test(`a request ${what} in plaintext carries no identity at all`, async () => {
    server.inboundDst = { ip: serverIp, port };
    const answer = await send(inPlaintext, bytes);
    assert.doesNotMatch(answer, /saw forged/);
    assert.match(answer, /saw undefined|^HTTP\/1.1 [45]|^$/);
  });
}

test("HTTP in a tunnel is served like any other, on one connection", async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (let index = 0; index < 3; index += 1) {
    const request = http.get({ ...throughMesh, agent, headers: { host: "x" } });
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    assert.equal(await text(response), `saw ${client.identity}\n`);
  }
  agent.destroy();
});

test("bytes that are not HTTP at all are refused on a port that speaks it", async () => {
  assert.match(
    await send(throughMesh, "\u0000\u0001\u0002\u0003 nonsense\r\n\r\n"),
    /^HTTP\/1.1 400/,
  );
});

const inPlaintextUndeclared = { host: undeclaredIp, port: 15_006 };

test("a request to a port that declares nothing carries no forged identity when it begins like HTTP", async () => {
  undeclared.inboundDst = { ip: undeclaredIp, port };
  assert.match(await send(inPlaintextUndeclared, forged), /saw undefined/);
});

test("bytes that do not begin like HTTP pass untouched to a port that declares nothing", async () => {
  undeclared.inboundDst = { ip: undeclaredIp, port };
  const bytes = `\r\n\r\n${forged}`;
  const raw = createServer((socket) => socket.pipe(socket));
  await once(raw.listen(0, undeclaredIp), "listening");
  // As docs/security.md says: an application that forgives the beginning reads what no sidecar has checked.
  assert.match(await send(inPlaintextUndeclared, bytes), /saw forged/);
  undeclared.inboundDst = { ip: undeclaredIp, port: (raw.address() as AddressInfo).port };
  assert.equal(await send(inPlaintextUndeclared, bytes), bytes);
  raw.close();
});
