import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { createTokenSigner } from "../../src/identity/local-issuer.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import {
  callIdentity,
  dialIdentity,
  environmentOf,
  failureOf,
  makeCsr,
  readText,
  startFixture,
  webId,
} from "./identity-fixture.ts";

const run = promisify(execFile);
const program = join(import.meta.dirname, "../../src/bin/identity.ts");
let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), "remora-identity-service-"));
});
after(() => rmSync(directory, { recursive: true }));

interface RunningProgram {
  readonly child: ChildProcess;
  readonly port: number;
  readonly metricsPort: number;
  stop(): Promise<number | null>;
}

/** Starts the program and waits for its line "ready". */
async function startProgram(environment: Record<string, string>): Promise<RunningProgram> {
  const child = spawn(process.execPath, [program], {
    env: environment,
    stdio: ["ignore", "pipe", "inherit"],
  });
  after(() => child.kill("SIGKILL"));
  for await (const line of createInterface({ input: child.stdout })) {
    const entry = JSON.parse(line) as { msg: string; port: number; metricsPort: number };
    if (entry.msg !== "ready") continue;
    child.stdout.resume();
    return {
      child,
      port: entry.port,
      metricsPort: entry.metricsPort,
      async stop() {
        const exit = once(child, "exit");
        child.kill("SIGTERM");
        const [code] = (await exit) as [number | null];
        return code;
      },
    };
  }
  throw new Error("the program ended before it was ready");
}

async function dialTls(port: number, rootPem: string): Promise<TLSSocket> {
  const socket = connect({
    port,
    host: "127.0.0.1",
    ca: rootPem,
    ALPNProtocols: ["h2"],
    servername: "remora-identity.remora-system.svc",
  });
  await once(socket, "secureConnect");
  return socket;
}

test("openssl verifies an issued chain for both purposes and prints the profile", async (context) => {
  const fixture = await startFixture();
  context.after(() => fixture.close());
  const chain = await callIdentity(fixture.dial(), { token: fixture.token() });
  const [leaf, intermediate, root] = ["leaf", "intermediate", "root"].map((name, index) => {
    const file = join(fixture.directory, `${name}.pem`);
    writeFileSync(file, chain[index] ?? "");
    return file;
  });
  assert(leaf && intermediate && root);
  for (const purpose of ["sslserver", "sslclient"]) {
    const { stdout } = await run("openssl", [
      "verify",
      "-x509_strict",
      "-purpose",
      purpose,
      "-CAfile",
      root,
      "-untrusted",
      intermediate,
      leaf,
    ]);
    assert.match(stdout, /: OK$/m);
  }
  const { stdout } = await run("openssl", ["x509", "-in", leaf, "-noout", "-text"]);
  assert.match(stdout, /Version: 3/);
  assert.match(stdout, /Subject: *\n/);
  assert.match(stdout, /Basic Constraints: critical\s+CA:FALSE/);
  assert.match(stdout, /Key Usage: critical\s+Digital Signature\n/);
  assert.match(stdout, /Extended Key Usage: *\n\s+TLS Web Server Authentication, TLS Web Client/);
  assert.match(stdout, new RegExp(`Subject Alternative Name: critical\\s+URI:${webId}\\n`));
  assert.match(stdout, /Signature Algorithm: ecdsa-with-SHA256/);
  const rootText = (await run("openssl", ["x509", "-in", root, "-noout", "-text"])).stdout;
  assert.match(rootText, /Key Usage: critical\s+Certificate Sign, CRL Sign/);
});

test("openssl's own certificate request is accepted", async (context) => {
  const fixture = await startFixture();
  context.after(() => fixture.close());
  const key = join(fixture.directory, "pod.pem");
  await run("openssl", ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key]);
  const asked = [
    "basicConstraints=critical,CA:TRUE",
    "keyUsage=keyCertSign",
    "subjectAltName=URI:spiffe://cluster.local/ns/a/sa/b,DNS:a.b,IP:1.2.3.4",
  ];
  const { stdout } = await run("openssl", [
    "req",
    "-new",
    "-key",
    key,
    "-subj",
    "/CN=admin/O=system:masters",
    ...asked.flatMap((extension) => ["-addext", extension]),
  ]);
  const [leaf = ""] = await callIdentity(fixture.dial(), {
    token: fixture.token(),
    request: { csr: stdout },
  });
  const certificate = new X509Certificate(leaf);
  assert(!certificate.subject, "an empty name");
  assert.equal(certificate.ca, false);
  assert.equal(certificate.subjectAltName, `URI:${webId}`);
});

test("its own certificate has its SPIFFE ID and DNS names, and TLS 1.2 is refused", async (context) => {
  const fixture = await startFixture();
  context.after(() => fixture.close());
  const { port, rootPem } = fixture.service;
  const socket = await dialTls(port, rootPem);
  assert.equal(socket.getProtocol(), "TLSv1.3");
  assert.equal(
    socket.getPeerX509Certificate()?.subjectAltName,
    "URI:spiffe://cluster.local/ns/remora-system/sa/remora-identity, " +
      "DNS:remora-identity.remora-system.svc.cluster.local, DNS:remora-identity.remora-system.svc",
  );
  socket.destroy();
  const old = connect({ port, ca: rootPem, maxVersion: "TLSv1.2", minVersion: "TLSv1.2" });
  const [error] = (await once(old, "error")) as [NodeJS.ErrnoException];
  assert.match(String(error.code), /VERSION/);
});

test("its own certificate is renewed at half life under open connections", async (context) => {
  const clock = createFakeClock(Date.now());
  const environment = { REMORA_IDENTITY_LEAF_LIFETIME: "20s" };
  const fixture = await startFixture({ clock, environment });
  context.after(() => fixture.close());
  const { port, rootPem } = fixture.service;
  const client = fixture.dial();
  await callIdentity(client, { token: fixture.token() });
  const serials = new Set<string | undefined>();
  for (let count = 0; count < 3; count++) {
    const socket = await dialTls(port, rootPem);
    assert.equal(socket.getProtocol(), "TLSv1.3", "also after a renewal");
    serials.add(socket.getPeerX509Certificate()?.serialNumber);
    socket.destroy();
    clock.advance(10_000);
  }
  assert.equal(serials.size, 3);
  const channel = client.getChannel().getChannelzRef();
  await callIdentity(client, { token: fixture.token() });
  assert.equal(client.getChannel().getChannelzRef(), channel);
});

test("it warns a month before its authority ends, and stops being ready at the end", async (context) => {
  const start = Date.now();
  const clock = createFakeClock(start);
  const fixture = await startFixture({ clock });
  context.after(() => fixture.close());
  const ready = async (): Promise<number> =>
    (await fetch(`http://127.0.0.1:${fixture.service.metricsPort}/ready`)).status;
  const said = (text: string): boolean => fixture.logLines().some((line) => line.includes(text));
  // Its handshake needs a certificate that is valid by the real clock.
  const client = fixture.dial();
  await callIdentity(client, { token: fixture.token() });
  const day = 86_400_000;
  const moveTo = (age: number): void => {
    clock.stepWallTime(age - (clock.wallTime() - start));
    clock.advance(day / 2);
  };
  moveTo(333 * day);
  assert(!said("ends soon"));
  moveTo(336 * day);
  assert(said("ends soon"));
  assert.equal(await ready(), 200);
  moveTo(366 * day);
  assert(said("has ended"));
  assert.equal(await ready(), 503);
  const token = fixture.token({ lifetime: (400 * day) as never });
  assert.deepEqual(await failureOf(callIdentity(client, { token })), [
    "UNAVAILABLE",
    "authority_expired",
  ]);
});

test("a rotated token key is honoured at once, without a restart", async (context) => {
  const fixture = await startFixture();
  context.after(() => fixture.close());
  const client = fixture.dial();
  await callIdentity(client, { token: fixture.token() });
  const rotated = createTokenSigner(join(fixture.directory, "rotated"));
  const token = rotated.sign({
    namespace: "shop",
    serviceAccount: "web",
    audience: "remora",
    lifetime: 60_000 as never,
  });
  assert.deepEqual(await failureOf(callIdentity(client, { token })), [
    "UNAUTHENTICATED",
    "token_unknown_key",
  ]);
  const keys = [fixture.signer.jwksFile, rotated.jwksFile].flatMap(
    (file) => (JSON.parse(readText(file)) as { keys: unknown[] }).keys,
  );
  writeFileSync(fixture.signer.jwksFile, JSON.stringify({ keys }));
  const deadline = performance.now() + 5_000;
  let code = "";
  while (code !== "OK" && performance.now() < deadline) {
    [code] = await failureOf(callIdentity(client, { token }));
  }
  assert.equal(code, "OK");
});

test("two programs that start together on one directory serve the same root", async () => {
  const signer = createTokenSigner(join(directory, "tokens"));
  const environment = environmentOf(directory, signer);
  const programs = await Promise.all([startProgram(environment), startProgram(environment)]);
  const rootPem = readText(join(directory, "bundle", "ca.pem"));
  for (const { port } of programs) {
    const socket = await dialTls(port, rootPem);
    socket.destroy();
  }
  assert.deepEqual(await Promise.all(programs.map((running) => running.stop())), [0, 0]);
});

test("a restart keeps the root and issues under it", async () => {
  const signer = createTokenSigner(join(directory, "tokens"));
  const environment = environmentOf(directory, signer);
  const rootPem = readText(join(directory, "bundle", "ca.pem"));
  const running = await startProgram(environment);
  assert.equal(readText(join(directory, "bundle", "ca.pem")), rootPem);
  const token = signer.sign({
    namespace: "shop",
    serviceAccount: "web",
    audience: "remora",
    lifetime: 60_000 as never,
  });
  const client = dialIdentity(running.port, rootPem);
  const chain = await callIdentity(client, { token, request: { csr: makeCsr().csr } });
  assert.equal(chain.at(-1), rootPem);
  assert.equal(await running.stop(), 0, "an idle open connection does not hold the exit up");
  client.close();
});

test("bad settings are all listed, and the exit code says whose fault it is", async () => {
  const failed = run(process.execPath, [program], {
    env: { REMORA_TRUST_DOMAIN: "A", REMORA_IDENTITY_CA_DIR: "ca" },
  });
  await assert.rejects(failed, (error: { code?: number; stderr?: string }) => {
    assert.equal(error.code, 64);
    assert.equal(error.stderr?.trim().split("\n").length, 2);
    assert.doesNotMatch(error.stderr ?? "", /\bat .*:\d+/, "no stack trace");
    return true;
  });
});

test("a port in use ends the start with a reason", async (context) => {
  const fixture = await startFixture();
  context.after(() => fixture.close());
  const environment = {
    ...environmentOf(fixture.directory, fixture.signer),
    REMORA_IDENTITY_LISTEN: `127.0.0.1:${fixture.service.port}`,
  };
  const failed = run(process.execPath, [program], { env: environment });
  await assert.rejects(failed, (error: { code?: number; stdout?: string }) => {
    assert.equal(error.code, 1);
    assert.match(error.stdout ?? "", /EADDRINUSE/);
    return true;
  });
});
