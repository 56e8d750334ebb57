/** Who is not let in, and how a change of mind reaches connections that are open. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectHttp2, constants } from "node:http2";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { type Forger, type Leaf, openForger } from "./forger.ts";
import { type Mesh, needs, type PodInfo, startMesh, sumOf, until } from "./mesh.ts";

const client = "deploy/client";
const clientId = "spiffe://cluster.local/ns/apps/sa/client";
const hour = 3_600_000;

describe("the mesh port", needs("curl"), () => {
  const folder = mkdtempSync(join(tmpdir(), "remora-refusals-"));
  let mesh: Mesh;
  let forger: Forger;
  let server: PodInfo;
  before(async () => {
    mesh = await startMesh("refusals", ["apps.yaml"], {
      namespace: "apps",
      env: { REMORA_STATE_DIRECTORY: folder },
    });
    const [name = ""] = readdirSync(folder);
    forger = openForger(join(folder, name, "authority", "own"));
    server = await mesh.pod("http");
  });
  after(async () => {
    await mesh?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test("lets in a certificate of the mesh's authority", async () => {
    const leaf = forger.forge({ uri: clientId, endsIn: hour });
    assert.equal(await openTunnel(server, leaf), "200");
  });

  test("refuses plaintext", async () => {
    const socket = connectTcp(15008, server.ip);
    socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    let received = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
    });
    socket.on("error", () => undefined);
    await once(socket, "close");
    // Nothing but a TLS alert (RFC 8446 6), whose record type is 21.
    assert.ok(received.length === 0 || received[0] === 21, received.toString("latin1"));
  });

  const refused: readonly [string, (forger: Forger) => Leaf | undefined][] = [
    ["no certificate", () => undefined],
    ["an expired certificate", (forger) => forger.forge({ uri: clientId, endsIn: -60_000 })],
    [
      "a certificate of another trust domain",
      (forger) => forger.forge({ uri: "spiffe://evil.example/ns/apps/sa/client", endsIn: hour }),
    ],
    [
      "a certificate whose name is no workload's",
      (forger) => forger.forge({ uri: "spiffe://cluster.local/admin", endsIn: hour }),
    ],
    [
      "a certificate of another authority",
      (forger) => forger.forgeAbroad({ uri: clientId, endsIn: hour }),
    ],
  ];
  for (const [what, leaf] of refused) {
    test(`refuses ${what}`, async () => {
      const answer = await openTunnel(server, leaf(forger));
      assert.doesNotMatch(answer, /^\d+$|^neither/);
    });
  }

  test("counts the handshakes that failed", async () => {
    const samples = await mesh.metrics(server);
    const all = sumOf(samples, "remora_tls_handshakes_total", { direction: "inbound" });
    const good = sumOf(samples, "remora_tls_handshakes_total", {
      direction: "inbound",
      result: "ok",
    });
    assert.ok(all - good >= 4, `${all} handshakes, ${good} good`);
  });

  test("cuts what a new policy forbids, and lets in what it allows again", async () => {
    const file = join(folder, "policy.yaml");
    const echo = mesh.question(client, "tcp-client.ts", "hold", "tcp", 7000, 30_000);
    await until(10_000, async () => {
      const samples = await mesh.metrics(await mesh.pod("client"));
      assert.ok(sumOf(samples, "remora_tcp_open_connections", { direction: "outbound" }) > 0);
    });
    writeFileSync(file, denyClient);
    await mesh.apply(file);
    const { ended, echoes } = await echo;
    assert.notEqual(ended, "");
    assert.ok(Number(echoes) > 0);
    const denied = await until(5_000, async () => {
      const text = await mesh.ask(client, "curl", "-sS", "-D-", "http://http/");
      assert.match(text, /^HTTP\/1.1 403/);
      return text;
    });
    assert.match(denied, /proxy-status: remora.*policy_denied/i);

    writeFileSync(file, allowClient);
    await mesh.apply(file);
    await until(5_000, async () => {
      assert.match(await mesh.ask(client, "curl", "-sS", "-D-", "http://http/"), /^HTTP\/1.1 200/);
    });
  });
});

const denyClient = `
apiVersion: policy.remora.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: no-clients, namespace: apps }
spec:
  action: Deny
  rules:
    - from: { principals: ["cluster.local/ns/apps/sa/client"] }
`;
const allowClient = denyClient.replace("Deny", "Allow");

/** Opens a CONNECT tunnel to the pod's application; gives the status, or why there is none. */
async function openTunnel(pod: PodInfo, leaf: Leaf | undefined): Promise<string> {
  const socket = connectTls({
    ...leaf,
    host: pod.ip,
    port: 15008,
    minVersion: "TLSv1.3",
    ALPNProtocols: ["h2"],
    // The server's certificate is not what is tested here.
    rejectUnauthorized: false,
  });
  // In TLS 1.3 a server refuses after the client's handshake is done, so the socket tells and not the session.
  const ended = new Promise<string>((resolve) => {
    socket.on("error", (error) => resolve(error.message));
    socket.on("close", () => resolve("closed"));
  });
  const session = connectHttp2("https://mesh", { createConnection: () => socket });
  session.on("error", () => undefined);
  try {
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: "CONNECT",
      [constants.HTTP2_HEADER_AUTHORITY]: `${pod.ip}:8080`,
    });
    stream.on("error", () => undefined);
    const status = once(stream, "response").then(([headers]) =>
      String((headers as Record<string, unknown>)[":status"]),
    );
    const late = new Promise<string>((resolve) => {
      setTimeout(() => resolve("neither an answer nor an end in 5 s"), 5_000).unref();
    });
    return await Promise.race([status.catch(() => ended), ended, late]);
  } finally {
    session.destroy();
  }
}
