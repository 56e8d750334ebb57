import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect, createServer } from "node:tls";
import { promisify } from "node:util";
import { pino } from "pino";
import { systemClock } from "../../src/core/clock.ts";
import { formatSpiffeId } from "../../src/core/spiffe-id.ts";
import { createWatch } from "../../src/core/watch.ts";
import { type Credentials, createCredentials } from "../../src/credentials/credentials.ts";
import { createGrpcJsCaClient } from "../../src/credentials/grpc-js-ca-client.ts";
import { authenticatePeer } from "../../src/credentials/peer.ts";
import { parseTrustBundle, type TrustBundle } from "../../src/credentials/trust-bundle.ts";
import type { AuthorityStatus } from "../../src/identity/cluster/authority-status.ts";
import { makeIssuer, makeRoot } from "../../src/identity/make-authority.ts";
import {
  type ClusterFixture,
  eventually,
  type Replica,
  setRunning,
  startClusterFixture,
  system,
} from "./cluster-fixture.ts";

const run = promisify(execFile);
const trustDomain = "cluster.local";
const cli = join(import.meta.dirname, "../../src/bin/remora.ts");
let cluster: ClusterFixture;
let replica: Replica;
const pods: TestPod[] = [];

before(async () => {
  cluster = await startClusterFixture();
  await cluster.server.kubectl(["label", "namespace", "shop", "remora.dev/inject=enabled"]);
  await restart();
  await describeReplica();
  pods.push(await startPod("caller", "127.0.0.11"), await startPod("callee", "127.0.0.12"));
});
after(async () => {
  for (const pod of pods) pod.stop();
  await cluster.close();
});

/** Another process takes over: it knows nothing but what the cluster holds. */
async function restart(): Promise<void> {
  await replica?.close();
  replica = await cluster.startReplica({
    environment: {
      REMORA_IDENTITY_LEAF_LIFETIME: "10s",
      REMORA_IDENTITY_METRICS_LISTEN: "127.0.0.10:15014",
    },
  });
}

/** The leader looks for its replicas among the pods. */
async function describeReplica(): Promise<void> {
  const path = `/api/v1/namespaces/${system}/pods`;
  const metadata = { name: "identity-1", labels: { "app.kubernetes.io/name": "remora-identity" } };
  const spec = { containers: [{ name: "identity", image: "x" }] };
  await cluster.admin.request({ method: "POST", path, body: { metadata, spec } });
  await setRunning(cluster.admin, `${path}/identity-1`, "127.0.0.10", "identity");
}

interface TestPod {
  readonly credentials: Credentials;
  readonly bundle: ReturnType<typeof createWatch<TrustBundle>>;
  readonly port: number;
  stop(): void;
}

/** The credentials of a sidecar, a TLS port behind them, and the page that the leader asks for. */
async function startPod(name: string, ip: string): Promise<TestPod> {
  const pod = await cluster.createPod(name, { ip });
  const tokenFile = join(cluster.server.folder, `token-${name}`);
  writeFileSync(tokenFile, await cluster.token(pod));
  const pem = await eventually("the bundle", () => cluster.readBundle("shop"));
  const bundle = createWatch(parseTrustBundle(pem));
  const id = formatSpiffeId({ trustDomain, namespace: "shop", serviceAccount: "web" });
  const account = { namespace: system, serviceAccount: "remora-identity" };
  const credentials: Credentials = createCredentials({
    requestCertificate: (csr) =>
      createGrpcJsCaClient({
        address: `127.0.0.1:${replica.service.port}`,
        tokenFile,
        context: () => credentials.identityContext(),
        trustDomain,
        authorityId: formatSpiffeId({ trustDomain, ...account }),
      })(csr),
    trustBundle: bundle,
    id,
    trustDomain,
    clock: systemClock,
    log: pino({ level: "silent" }),
  });
  await credentials.ready();
  const http = createHttpServer((_, response) => response.end(`${bundle.current().hash}\n`));
  await once(http.listen(15_020, ip), "listening");
  const server = createServer({
    ...credentials.tls.current()?.serverOptions,
    requestCert: true,
    rejectUnauthorized: true,
  });
  server.on("secureConnection", (socket) => {
    socket.on("error", () => {});
    socket.end(authenticatePeer(socket, trustDomain).kind);
  });
  credentials.tls.subscribe((tls) => {
    if (tls !== undefined) server.setSecureContext(tls.serverOptions);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    credentials,
    bundle,
    port: (server.address() as AddressInfo).port,
    stop() {
      credentials.close();
      http.close();
      http.closeAllConnections();
      server.close();
    },
  };
}

/** What the kubelet does within a minute or so. */
async function mountBundle(pod: TestPod): Promise<void> {
  const pem = await cluster.readBundle("shop");
  if (pem !== undefined && pem !== pod.bundle.current().pem) pod.bundle.set(parseTrustBundle(pem));
}

async function shake(from: TestPod, to: TestPod): Promise<string> {
  const tls = from.credentials.tls.current();
  if (tls === undefined) return "no certificate";
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({
    secureContext: tls.clientContext,
    host: "127.0.0.1",
    port: to.port,
    checkServerIdentity: () => undefined,
  });
  socket.on("data", (chunk: Buffer) => resolve(chunk.toString()));
  socket.on("error", (error) => resolve(error.message));
  socket.on("close", () => resolve("closed without a word"));
  const outcome = await promise;
  socket.destroy();
  return outcome;
}

/** New handshakes in both directions, one after another, until told to stop; gives the outcomes and their counts. */
function shakeWithoutEnd(): () => Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  const state = { stopped: false };
  const [caller, callee] = pods;
  assert(caller && callee);
  const loop = (async () => {
    while (!state.stopped) {
      for (const outcome of [await shake(caller, callee), await shake(callee, caller)]) {
        counts[outcome] = (counts[outcome] ?? 0) + 1;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      setTimeout(resolve, 20);
      await promise;
    }
  })();
  return async () => {
    state.stopped = true;
    await loop;
    return counts;
  };
}

async function remora(...args: readonly string[]): Promise<string> {
  const all = ["--no-warnings", cli, ...args, "--kubeconfig", cluster.server.kubeconfig];
  return (await run(process.execPath, all)).stdout;
}

async function status(): Promise<AuthorityStatus> {
  return JSON.parse(await remora("ca", "status", "--output", "json")) as AuthorityStatus;
}

async function statusWhen(
  what: string,
  isSo: (status: AuthorityStatus) => boolean,
): Promise<AuthorityStatus> {
  return await eventually(
    what,
    async () => {
      const now = await status();
      return isSo(now) && now;
    },
    60_000,
  );
}

async function certificateRoot(pod: TestPod): Promise<string> {
  const chain = pod.credentials.tls.current()?.certificate.chainPem ?? "";
  const [, issuer = ""] = chain.split(/(?<=-----END CERTIFICATE-----\n)/);
  return new X509Certificate(issuer).issuer;
}

test("a root is replaced while identity restarts in every phase, and no handshake fails", async () => {
  const [caller, callee] = pods;
  assert(caller && callee);
  const silent = await cluster.createPod("silent", { ip: "127.0.0.13" });
  const first = await statusWhen("a status of both pods", ({ pods }) => pods.total === 3);
  const oldRoot = replica.service.rootPem;
  const oldName = await certificateRoot(caller);
  const finish = shakeWithoutEnd();
  assert.match(await remora("ca", "rotate"), /^asked/);

  const publishing = await statusWhen(
    "publishing",
    ({ phase, pods }) => phase === "publishing" && pods.laggards.length === 3,
  );
  assert.deepEqual(
    publishing.roots.map(({ role }) => role),
    ["current", "next"],
  );
  await restart();
  await mountBundle(caller);
  await statusWhen("one pod that knows", ({ pods }) => pods.laggards.length === 2);
  assert.match(await remora("ca", "rotate"), /under way already \(publishing\)/);
  await mountBundle(callee);
  const blocked = await statusWhen("one pod behind", ({ pods }) => pods.laggards.length === 1);
  assert.equal(blocked.pods.laggards[0]?.pod, "shop/silent");
  assert.match(String(blocked.pods.laggards[0]?.problem), /ECONNREFUSED/);
  assert.match(await remora("ca", "status"), /shop\/silent\s+unknown\s+connect ECONNREFUSED/);
  assert.equal((await status()).phase, "publishing", "nobody is left behind");

  const path = `/api/v1/namespaces/shop/pods/${silent.name}`;
  await cluster.admin.request({ method: "DELETE", path, query: { gracePeriodSeconds: "0" } });
  const retiring = await statusWhen("retiring", ({ phase }) => phase === "retiring");
  assert.notEqual(retiring.issuer?.fingerprint, first.issuer?.fingerprint);
  assert.deepEqual(
    retiring.roots.map(({ role }) => role),
    ["old", "current"],
  );
  await restart();
  await eventually("new leaves", async () => {
    const names = await Promise.all([caller, callee].map(certificateRoot));
    return !names.includes(oldName);
  });
  await statusWhen("the end", ({ phase }) => phase === "idle");
  const newRoot = await eventually("one root", async () => {
    const pem = await cluster.readBundle("shop");
    return pem?.match(/BEGIN/g)?.length === 1 && pem;
  });
  assert.notEqual(newRoot, oldRoot);
  await mountBundle(caller);
  await mountBundle(callee);
  const last = await statusWhen("all current", ({ pods }) => pods.laggards.length === 0);
  assert.deepEqual(
    last.roots.map(({ role }) => role),
    ["current"],
  );
  const counts = await finish();
  assert.deepEqual(Object.keys(counts), ["accepted"], JSON.stringify(counts));
  assert((counts["accepted"] ?? 0) > 200);
  await openSslAgrees(caller, newRoot);
  assert.equal((await cluster.readSecret("remora-root"))["tls.crt"], newRoot);
  await assert.rejects(cluster.readSecret("remora-issuer-next"));
});

async function openSslAgrees(pod: TestPod, root: string): Promise<void> {
  const chainFile = join(cluster.server.folder, "chain.pem");
  const rootFile = join(cluster.server.folder, "new-root.pem");
  writeFileSync(chainFile, pod.credentials.tls.current()?.certificate.chainPem ?? "");
  writeFileSync(rootFile, root);
  const args = ["verify", "-x509_strict", "-CAfile", rootFile, "-untrusted", chainFile, chainFile];
  assert.match((await run("openssl", args)).stdout, /: OK$/m);
}

test("force switches without a pod that does not answer", async () => {
  const silent = await cluster.createPod("lost", { ip: "127.0.0.14" });
  await remora("ca", "rotate");
  await statusWhen(
    "a wait",
    ({ phase, pods }) => phase === "publishing" && pods.laggards.length > 0,
  );
  assert.match(await remora("ca", "rotate", "--force"), /asked to go on/);
  for (const pod of pods) await mountBundle(pod);
  await statusWhen("the switch", ({ phase }) => phase === "retiring");
  await statusWhen("the end", ({ phase }) => phase === "idle");
  const path = `/api/v1/namespaces/shop/pods/${silent.name}`;
  await cluster.admin.request({ method: "DELETE", path, query: { gracePeriodSeconds: "0" } });
});

test("a given issuer is followed, never replaced, and its old root is kept while leaves are about", async () => {
  await replica.close();
  replica = await cluster.startReplica({
    environment: { REMORA_IDENTITY_ISSUER: "given", REMORA_IDENTITY_NEW_ROOT_DELAY: "1s" },
  });
  await statusWhen("a given issuer", ({ origin }) => origin === "given");
  await assert.rejects(remora("ca", "rotate"), /the issuer is not made by identity/);
  const before = replica.service.rootPem;
  const secretPath = `/api/v1/namespaces/${system}/secrets/remora-issuer`;
  const wish = { trustDomain, now: Date.now(), lifetime: 86_400_000 };
  const root = makeRoot(wish);
  const issuer = makeIssuer(root, wish);
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  await cluster.admin.request({
    method: "PATCH",
    path: secretPath,
    contentType: "application/merge-patch+json",
    body: {
      data: {
        "tls.crt": base64(issuer.certificatePem),
        "tls.key": base64(issuer.privateKeyPem),
        "ca.crt": base64(root.certificatePem),
      },
    },
  });
  await eventually("both roots", async () => {
    const pem = (await cluster.readBundle("shop")) ?? "";
    return pem.includes(root.certificatePem) && pem.includes(before);
  });
  await eventually("the new issuer", () => replica.service.rootPem === root.certificatePem);
});
