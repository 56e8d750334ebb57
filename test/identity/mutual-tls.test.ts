import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { connect, createServer, type SecureContextOptions, type TLSSocket } from "node:tls";
import { authenticatePeer } from "../../src/credentials/peer.ts";
import { meshTlsOptions } from "../../src/credentials/tls-settings.ts";
import { openAuthority } from "../../src/identity/authority-files.ts";
import { certify, meet, type PeerFields, tlsOptionsOf } from "./certified-peer.ts";

const directory = mkdtempSync(join(tmpdir(), "remora-tls-"));
after(() => rmSync(directory, { recursive: true }));
const hour = 3_600_000;
const now = Date.now();
const { authority } = openAuthority(join(directory, "a"), "cluster.local", now - 30 * hour);
const stranger = openAuthority(join(directory, "b"), "cluster.local", now).authority;
const federated = openAuthority(join(directory, "c"), "other.local", now).authority;

const web = "spiffe://cluster.local/ns/shop/sa/web";
const api = "spiffe://cluster.local/ns/shop/sa/api";
const server = tlsOptionsOf(certify(authority, { uri: api }), authority.rootPem);

function client(fields: Partial<PeerFields> = {}): SecureContextOptions {
  return tlsOptionsOf(certify(authority, { uri: web, ...fields }), authority.rootPem);
}

test("two peers of one mesh learn each other's identity", async () => {
  const met = await meet(server, client());
  assert(met.server !== "refused" && met.server.kind === "accepted");
  assert(met.client !== "refused" && met.client.kind === "accepted");
  assert.equal(met.server.id, web);
  assert.equal(met.client.id, api);
});

const noCertificate = { ...meshTlsOptions, ca: authority.rootPem };
const refused: Readonly<Record<string, SecureContextOptions>> = {
  "no certificate": noCertificate,
  "an expired leaf": client({ notBefore: now - 2 * hour, notAfter: now - 1_000 }),
  "a leaf of the future": client({ notBefore: now + hour, notAfter: now + 2 * hour }),
  "a leaf of another root": tlsOptionsOf(certify(stranger, { uri: web }), authority.rootPem),
  "a leaf without its intermediate": tlsOptionsOf(
    (() => {
      const { chainPem, keyPem } = certify(authority, { uri: web });
      return { chainPem: chainPem.slice(0, chainPem.indexOf("-----BEGIN", 1)), keyPem };
    })(),
    authority.rootPem,
  ),
  "TLS 1.2": { ...client(), minVersion: "TLSv1.2", maxVersion: "TLSv1.2", ciphers: "HIGH" },
  "ChaCha20 only": { ...client(), ciphers: "TLS_CHACHA20_POLY1305_SHA256" },
};
for (const [what, options] of Object.entries(refused)) {
  test(`the listening side refuses the handshake: ${what}`, async () => {
    assert.deepEqual(await meet(server, options), { server: "refused", client: "refused" });
  });
}

const badServers: Readonly<Record<string, SecureContextOptions>> = {
  "an expired leaf": tlsOptionsOf(
    certify(authority, { uri: api, notBefore: now - 2 * hour, notAfter: now - 1_000 }),
    authority.rootPem,
  ),
  "a leaf of another root": tlsOptionsOf(certify(stranger, { uri: api }), authority.rootPem),
};
for (const [what, options] of Object.entries(badServers)) {
  test(`the dialling side refuses the handshake: ${what}`, async () => {
    assert.equal((await meet(options, client())).client, "refused");
  });
}

test("an identity of another trust domain is nobody, although its root is trusted", async () => {
  const both = authority.rootPem + federated.rootPem;
  const foreign = tlsOptionsOf(
    certify(federated, { uri: "spiffe://other.local/ns/shop/sa/web" }),
    both,
  );
  const met = await meet({ ...server, ca: both }, foreign);
  assert.deepEqual(met.server, { kind: "rejected", reason: "foreign_trust_domain" });
});

test("while roots rotate, old and new peers reach each other", async () => {
  const both = authority.rootPem + stranger.rootPem;
  const renewed = tlsOptionsOf(certify(stranger, { uri: web }), both);
  const old = { ...client(), ca: both };
  for (const [listening, dialling] of [
    [{ ...server, ca: both }, renewed],
    [renewed, old],
  ] as const) {
    const met = await meet(listening, dialling);
    assert(met.server !== "refused" && met.server.kind === "accepted");
    assert(met.client !== "refused" && met.client.kind === "accepted");
  }
});

/** Dials the listener three times with the newest session; whether each connection was a resumed one. */
async function resumptions(options: SecureContextOptions): Promise<readonly boolean[]> {
  const listener = createServer({ ...options, requestCert: true, rejectUnauthorized: true });
  const reused: boolean[] = [];
  listener.on("secureConnection", (socket) => {
    reused.push(socket.isSessionReused());
    socket.on("error", () => {});
    socket.end("x");
  });
  await once(listener.listen(0, "127.0.0.1"), "listening");
  const { port } = listener.address() as AddressInfo;
  let session: Buffer | undefined;
  for (let count = 0; count < 3; count++) {
    const socket: TLSSocket = connect({
      ...client(),
      port,
      checkServerIdentity: () => undefined,
      ...(session === undefined ? {} : { session }),
    });
    socket.on("session", (received: Buffer) => {
      session = received;
    });
    socket.resume();
    await once(socket, "close");
  }
  listener.close();
  return reused;
}

test("a session is never resumed: each connection proves the identity anew", async () => {
  assert.deepEqual(await resumptions(server), [false, false, false]);
  // The same dialler resumes where a listener allows it, so it is our setting that forbids it.
  assert.deepEqual(await resumptions({ ...server, secureOptions: 0 }), [false, true, true]);
});

test("a caller that expects somebody is told when another answers", async () => {
  const listener = createServer({ ...server, requestCert: true, rejectUnauthorized: true });
  await once(listener.listen(0, "127.0.0.1"), "listening");
  const { port } = listener.address() as AddressInfo;
  const socket = connect({ ...client(), port, checkServerIdentity: () => undefined });
  await once(socket, "secureConnect");
  const other = web as Parameters<typeof authenticatePeer>[2];
  assert.deepEqual(authenticatePeer(socket, "cluster.local", other), {
    kind: "rejected",
    reason: "unexpected_identity",
  });
  const expected = api as typeof other;
  assert.equal(authenticatePeer(socket, "cluster.local", expected).kind, "accepted");
  socket.destroy();
  listener.close();
});

test("a connection whose chain was not checked names nobody", async () => {
  const listener = createServer({ ...server, requestCert: true, rejectUnauthorized: false });
  const { promise, resolve } = Promise.withResolvers<unknown>();
  listener.on("secureConnection", (socket) => {
    socket.on("error", () => {});
    resolve(authenticatePeer(socket, "cluster.local"));
    socket.destroy();
  });
  await once(listener.listen(0, "127.0.0.1"), "listening");
  const { port } = listener.address() as AddressInfo;
  const options = tlsOptionsOf(certify(stranger, { uri: web }), authority.rootPem);
  const socket = connect({ ...options, port, checkServerIdentity: () => undefined });
  socket.on("error", () => {});
  assert.deepEqual(await promise, { kind: "rejected", reason: "unverified" });
  socket.destroy();
  listener.close();
});

test("a listener's new certificate is served to new connections, and old ones go on", async () => {
  const listener = createServer(
    { ...server, requestCert: true, rejectUnauthorized: true },
    (socket) => {
      socket.on("error", () => {});
      socket.pipe(socket);
    },
  );
  await once(listener.listen(0, "127.0.0.1"), "listening");
  const { port } = listener.address() as AddressInfo;
  const dial = async (): Promise<TLSSocket> => {
    const socket = connect({ ...client(), port, checkServerIdentity: () => undefined });
    await once(socket, "secureConnect");
    return socket;
  };
  const first = await dial();
  const renewed = certify(authority, { uri: api });
  listener.setSecureContext(tlsOptionsOf(renewed, authority.rootPem));
  const second = await dial();
  assert.notEqual(
    first.getPeerX509Certificate()?.serialNumber,
    second.getPeerX509Certificate()?.serialNumber,
  );
  assert.equal(second.getProtocol(), "TLSv1.3");
  first.write("still here");
  const [echo] = (await once(first, "data")) as [Buffer];
  assert.equal(echo.toString(), "still here");
  first.destroy();
  second.destroy();
  listener.close();
});
