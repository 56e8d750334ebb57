import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect, createServer } from "node:tls";
import { promisify } from "node:util";
import { authenticatePeer } from "../../../src/credentials/peer.ts";
import { openAuthority } from "../../../src/identity/authority-files.ts";
import { certify, type PeerFields, tlsOptionsOf } from "../../identity/certified-peer.ts";
import { buildGoJudge, findGo, noGo } from "../../support/go-judge.ts";

const run = promisify(execFile);
const hour = 3_600_000;
const web = "spiffe://cluster.local/ns/shop/sa/web";
const api = "spiffe://cluster.local/ns/shop/sa/api";

describe("go-spiffe", { skip: findGo() === undefined ? noGo : false }, () => {
  const directory = mkdtempSync(join(tmpdir(), "remora-spiffe-"));
  const { authority } = openAuthority(join(directory, "ca"), "cluster.local", Date.now() - hour);
  const bundleFile = join(directory, "ca.pem");
  writeFileSync(bundleFile, authority.rootPem);
  let judge: string;
  let count = 0;

  before(async () => {
    const folder = await buildGoJudge(import.meta.dirname, ["./spiffe-judge"]);
    judge = join(folder, "spiffe-judge");
  });
  after(() => rmSync(directory, { recursive: true }));

  /** The arguments that every command of the judge begins with. */
  function filesOf(fields: PeerFields, trustDomain = "cluster.local"): readonly string[] {
    const peer = certify(authority, fields);
    count += 1;
    const chainFile = join(directory, `chain-${count}.pem`);
    const keyFile = join(directory, `key-${count}.pem`);
    writeFileSync(chainFile, peer.chainPem);
    writeFileSync(keyFile, peer.keyPem, { mode: 0o600 });
    return [chainFile, keyFile, bundleFile, trustDomain];
  }

  test("accepts an issued chain and reads the same identity", async () => {
    const { stdout } = await run(judge, ["verify", ...filesOf({ uri: web })]);
    assert.equal(stdout.trim(), web);
  });

  test("accepts a leaf with DNS names, as the control plane has", async () => {
    const files = filesOf({ uri: web, dnsNames: ["web.shop.svc"] });
    assert.equal((await run(judge, ["verify", ...files])).stdout.trim(), web);
  });

  const rejected: Readonly<Record<string, () => readonly string[]>> = {
    "an ended leaf": () =>
      filesOf({ uri: web, notBefore: Date.now() - hour, notAfter: Date.now() - 1_000 }),
    "another trust domain's bundle": () => filesOf({ uri: web }, "other.local"),
    "a name that is no SPIFFE ID": () => filesOf({ uri: "https://cluster.local/ns/a/sa/b" }),
    "a name with an empty segment": () => filesOf({ uri: "spiffe://cluster.local/ns//sa/b" }),
  };
  for (const [what, files] of Object.entries(rejected)) {
    test(`refuses what we refuse: ${what}`, async () => {
      await assert.rejects(run(judge, ["verify", ...files()]));
    });
  }

  test("dials our TLS, and both know each other", async () => {
    const own = tlsOptionsOf(certify(authority, { uri: api }), authority.rootPem);
    const met = Promise.withResolvers<unknown>();
    const server = createServer({ ...own, requestCert: true, rejectUnauthorized: true });
    server.on("secureConnection", (socket) => {
      met.resolve(authenticatePeer(socket, "cluster.local"));
      socket.end("hello from us");
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { stdout } = await run(judge, ["dial", ...filesOf({ uri: web }), api, address]);
    server.close();
    assert.equal(stdout, "hello from us");
    assert.equal(((await met.promise) as { id?: string }).id, web);
  });

  test("answers our dial, and both know each other", async () => {
    const listener = spawn(judge, ["listen", ...filesOf({ uri: api }), web], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(listener, "exit");
    const [line] = (await once(listener.stdout, "data")) as [Buffer];
    const [host, port] = line.toString().trim().split(":");
    const own = tlsOptionsOf(certify(authority, { uri: web }), authority.rootPem);
    const socket = connect({
      ...own,
      host: host ?? "",
      port: Number(port),
      checkServerIdentity: () => undefined,
    });
    await once(socket, "secureConnect");
    const verdict = authenticatePeer(socket, "cluster.local");
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    assert.deepEqual((await ended)[0], 0);
    assert.equal(Buffer.concat(chunks).toString(), "hello from go-spiffe");
    assert.equal((verdict as { id?: string }).id, api);
  });
});
