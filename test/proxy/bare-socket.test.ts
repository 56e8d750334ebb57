/** The mesh listener over real TCP: sockets without a stream below their encryption. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { formatSpiffeId } from "../../src/core/spiffe-id.ts";
import { meshTlsOptions } from "../../src/credentials/tls-settings.ts";
import { socketBelow } from "../../src/proxy/transport/bare-socket.ts";
import { listenTls, maxHandshakes, type TlsListener } from "../../src/proxy/transport/listen.ts";
import { eventually } from "../control/eventually.ts";
import { createTestAuthority, issueTestLeaf, trustDomain } from "./mesh-pair.ts";

const authority = createTestAuthority();
const id = formatSpiffeId({ trustDomain, namespace: "test", serviceAccount: "peer" });
const leaf = issueTestLeaf(authority, id);
const context = { ...meshTlsOptions, key: leaf.key, cert: leaf.cert, ca: authority.pem };
const host = "127.0.1.31";
const sessions = new Set<TLSSocket>();
let admits = true;
let listener: TlsListener;

before(async () => {
  const admission = { admitConnection: () => admits };
  listener = await listenTls(
    { host, port: 0, context, admission },
    (session) => {
      sessions.add(session);
      session.on("error", () => {});
      session.on("close", () => sessions.delete(session));
      session.on("data", (chunk) => session.write(chunk));
    },
    () => {},
  );
});
after(() => {
  listener.close();
  for (const session of sessions) session.destroy();
});

test("a session knows its peer's address and its own, and has no stream below", async () => {
  const peer = await dial();
  await eventually("a session", () => sessions.size === 1);
  const [session] = sessions;
  assert.ok(session !== undefined);
  assert.equal(session.authorized, true);
  assert.equal(session.remotePort, peer.localPort);
  assert.equal(session.localAddress, host);
  const below = socketBelow(session);
  assert.ok(below !== undefined, "Node hides what a session stands on");
  assert.equal("_readableState" in below, false, "Node made a stream for it");
  await leave(peer);
});

test("more connections than handshakes may be under way live side by side", async () => {
  const peers: TLSSocket[] = [];
  while (peers.length < maxHandshakes + 8) peers.push(await dial());
  await eventually("all sessions", () => sessions.size === peers.length);
  const [first] = peers;
  first?.write("still here");
  assert.equal(String((await once(first as TLSSocket, "data"))[0]), "still here");
  for (const peer of peers) peer.destroy();
  await eventually("no session", () => sessions.size === 0);
});

test("of too many handshakes that do not end the oldest is cut off", async () => {
  const sockets: Socket[] = [];
  while (sockets.length < maxHandshakes) sockets.push(await reach());
  const [oldest, second] = sockets;
  const closed = once(oldest as Socket, "close");
  sockets.push(await reach());
  await closed;
  assert.equal(second?.closed, false);
  for (const socket of sockets) socket.destroy();
});

test("a connection that is not admitted is reset", async () => {
  admits = false;
  const [error] = await once(connectTcp(listener.port, host), "error");
  admits = true;
  assert.equal((error as NodeJS.ErrnoException).code, "ECONNRESET");
});

test("a peer without a certificate is refused", async () => {
  const peer = connect({ host, port: listener.port, ca: authority.pem, checkServerIdentity });
  peer.resume();
  const [error] = await once(peer, "error");
  assert.match((error as NodeJS.ErrnoException).code ?? "", /CERTIFICATE_REQUIRED/);
  assert.equal(sessions.size, 0);
});

function checkServerIdentity(): undefined {
  return undefined;
}

async function dial(): Promise<TLSSocket> {
  const { key, cert } = leaf;
  const ca = authority.pem;
  const peer = connect({ host, port: listener.port, ca, key, cert, checkServerIdentity });
  peer.on("error", () => {});
  await once(peer, "secureConnect");
  return peer;
}

async function reach(): Promise<Socket> {
  const socket = connectTcp(listener.port, host);
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

async function leave(peer: TLSSocket): Promise<void> {
  peer.end();
  await once(peer, "close");
  await eventually("no session", () => sessions.size === 0);
}
