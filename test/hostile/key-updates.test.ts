/** Peers of the mesh that change their TLS keys: now and then, with every request, and as fast as they can. */
import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { formatSpiffeId, type SpiffeId } from "../../src/core/spiffe-id.ts";
import { CLIENT_PREFACE } from "../../src/protocol/http2/numbers.ts";
import { headers, settings, settingsAck } from "../../src/protocol/http2/testing/frames.ts";
import { maxKeyUpdates } from "../../src/proxy/transport/key-updates.ts";
import { needs, until } from "../mesh/mesh.ts";
import {
  createTestAuthority,
  issueTestLeaf,
  meshEndpoint,
  serviceOf,
  startTestPod,
  type TestPod,
  trustDomain,
} from "../proxy/mesh-pair.ts";
import { KeyUpdater } from "./lab/key-updates.ts";

const authority = createTestAuthority();
const id = formatSpiffeId({ trustDomain, namespace: "test", serviceAccount: "peer" });
const leaf = issueTestLeaf(authority, id);
let server: TestPod;
let app: Server;
let port = 0;

before(async () => {
  server = await startTestPod({ ip: "127.0.1.48", serviceAccount: "server", authority });
  app = createServer((request, response) => void response.end(`for ${request.url}\n`));
  await once(app.listen(0, server.ip), "listening");
  port = (app.address() as { port: number }).port;
});

after(async () => {
  await server.stop();
  app.close();
  app.closeAllConnections();
});

async function openPeer(): Promise<{ peer: KeyUpdater; heard: () => string }> {
  const socket: Socket = connect({ host: server.ip, port: 15_008 });
  socket.on("error", () => {});
  await once(socket, "connect");
  const peer = await KeyUpdater.open(socket, leaf);
  let heard = "";
  peer.session.on("data", (chunk: Buffer) => void (heard += chunk.toString("latin1")));
  return { peer, heard: () => heard };
}

const opening = Buffer.concat([Buffer.from(CLIENT_PREFACE, "latin1"), settings(), settingsAck]);

function request(stream: number): Buffer {
  const path = `/${stream}`;
  return headers(
    stream,
    [
      [":method", "GET"],
      [":scheme", "http"],
      [":authority", "app.test"],
      [":path", path],
      ["remora-dst", `${port};h1`],
    ],
    true,
  );
}

for (const asksBack of [false, true]) {
  const what = asksBack ? "and asks the sidecar for the same" : "alone";
  test(`a peer that changes its key before each request, ${what}, is served`, async () => {
    const { peer, heard } = await openPeer();
    peer.write(peer.data(opening));
    for (let stream = 1; stream < 2 * maxKeyUpdates; stream += 2) {
      peer.write(Buffer.concat([peer.updates(1, asksBack), peer.data(request(stream))]));
      await until(5_000, () => assert.ok(heard().includes(`for /${stream}\n`)));
    }
    peer.session.destroy();
  });
}

test("a peer that changes its key all the time is cut off, and the others are not", async () => {
  const honest = await openPeer();
  honest.peer.write(honest.peer.data(opening));
  const { peer } = await openPeer();
  const closed = once(peer.session, "close");
  peer.write(peer.updates(2_000, true));
  await closed;
  honest.peer.write(honest.peer.data(request(1)));
  await until(5_000, () => assert.ok(honest.heard().includes("for /1\n")));
  honest.peer.session.destroy();
});

test("a server that changes its key all the time is cut off", needs("openssl"), async () => {
  const ip = "127.0.1.49";
  const identity = formatSpiffeId({ trustDomain, namespace: "test", serviceAccount: "openssl" });
  const folder = mkdtempSync(join(tmpdir(), "remora-key-updates-"));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const { key, cert } = issueTestLeaf(authority, identity);
  const own = ["-cert", file("cert.pem", cert), "-key", file("key.pem", key), "-alpn", "h2"];
  const peers = ["-CAfile", file("ca.pem", authority.pem), "-Verify", "1"];
  const openssl = spawn("openssl", ["s_server", "-accept", `${ip}:15008`, ...own, ...peers]);
  const ended = once(openssl, "close");
  try {
    await dialAndBeFlooded(openssl, { ip, identity });
  } finally {
    openssl.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
});

async function dialAndBeFlooded(
  openssl: ChildProcessWithoutNullStreams,
  at: { readonly ip: string; readonly identity: SpiffeId },
): Promise<void> {
  let said = "";
  openssl.stdout.on("data", (chunk: Buffer) => void (said += chunk.toString("latin1")));
  await until(5_000, () => assert.match(said, /ACCEPT/));
  const endpoint = { ...meshEndpoint(server, 1), ...at };
  server.destinations.set("10.96.5.1:80", serviceOf([endpoint], "tcp"));
  server.origDst = { ip: "10.96.5.1", port: 80 };
  const application = connect({ host: server.ip, port: 15_001 });
  application.on("error", () => {});
  application.write("hello");
  const closed = new Promise((resolve) => application.once("close", resolve));
  await until(5_000, () => assert.match(said, /PRI \*/));
  openssl.stdin.on("error", () => {});
  // It looks for commands at the beginning of what it reads, so each needs a read of its own.
  const asking = setInterval(() => openssl.stdin.write("K\n"), 1);
  await closed;
  clearInterval(asking);
  assert.match(server.accessLog.at(-1)?.detail ?? "", /changes its TLS key/);
}
