import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { makeIssuer, makeRoot } from "../../src/identity/make-authority.ts";
import {
  type ClusterFixture,
  eventually,
  type Replica,
  startClusterFixture,
  system,
} from "./cluster-fixture.ts";
import { callIdentity, failureOf } from "./identity-fixture.ts";

let cluster: ClusterFixture;
before(async () => {
  cluster = await startClusterFixture();
});
after(() => cluster.close());

const day = 86_400_000;
const refused = (code: string): readonly string[] => ["UNAUTHENTICATED", code];

async function patch(path: string, body: unknown): Promise<void> {
  const contentType = "application/merge-patch+json";
  await cluster.admin.request({ method: "PATCH", path, contentType, body });
}

async function remove(path: string): Promise<void> {
  await cluster.admin.request({ method: "DELETE", path, query: { gracePeriodSeconds: "0" } });
}

test("two replicas that start at once agree on one issuer, and give certificates under it", async () => {
  const replicas = await Promise.all([cluster.startReplica(), cluster.startReplica()]);
  const secret = await cluster.readSecret("remora-issuer");
  for (const { service } of replicas) assert.equal(service.rootPem, secret["ca.crt"]);
  const token = await cluster.token(await cluster.createPod("both"));
  for (const replica of replicas) {
    const [leaf = "", issuer = "", root] = await callIdentity(replica.dial(), { token });
    assert.equal(issuer, secret["tls.crt"]);
    assert.equal(root, secret["ca.crt"]);
    assert(new X509Certificate(leaf).verify(new X509Certificate(issuer).publicKey));
    assert.equal(
      new X509Certificate(leaf).subjectAltName,
      "URI:spiffe://cluster.local/ns/shop/sa/web",
    );
  }
  const leading = await Promise.all(replicas.map((replica) => replica.metrics()));
  assert.equal(leading.filter((text) => /^remora_identity_leading 1$/m.test(text)).length, 1);
  await Promise.all(replicas.map((replica) => replica.close()));
});

describe("one replica", () => {
  let replica: Replica;
  before(async () => {
    replica = await cluster.startReplica();
  });
  after(() => replica.close());

  test("what it makes belongs to the installation and goes with it", async () => {
    const role = await cluster.admin.request<{ metadata: { uid: string } }>({
      method: "GET",
      path: "/apis/rbac.authorization.k8s.io/v1/clusterroles/remora-identity",
    });
    await eventually("the bundle", () => cluster.readBundle(system));
    const paths = [
      "secrets/remora-issuer",
      "secrets/remora-root",
      "configmaps/remora-trust-bundle",
    ];
    for (const path of [...paths, "configmaps/remora-ca"]) {
      const made = await eventually(path, () =>
        cluster.admin
          .request<{ metadata: Record<string, unknown> }>({
            method: "GET",
            path: `/api/v1/namespaces/${system}/${path}`,
          })
          .catch(() => undefined),
      );
      const [owner] = made.metadata["ownerReferences"] as readonly { uid: string }[];
      assert.equal(owner?.uid, role.metadata.uid, path);
      assert.deepEqual(made.metadata["labels"], { "app.kubernetes.io/managed-by": "remora" });
    }
  });

  test("a pod that was deleted gets no certificate, though its token has an hour to go", async () => {
    const pod = await cluster.createPod("gone");
    const token = await cluster.token(pod);
    await remove("/api/v1/namespaces/shop/pods/gone");
    const failure = await failureOf(callIdentity(replica.dial(), { token }));
    assert.deepEqual(failure, refused("token_revoked"));
  });

  test("a pod that was made again under its name does not lend its token to its successor", async () => {
    const token = await cluster.token(await cluster.createPod("twin"));
    await remove("/api/v1/namespaces/shop/pods/twin");
    await cluster.createPod("twin");
    const failure = await failureOf(callIdentity(replica.dial(), { token }));
    assert.deepEqual(failure, refused("token_revoked"));
  });

  test("a token without a pod, or for another audience, is refused", async () => {
    const call = async (token: string) => await failureOf(callIdentity(replica.dial(), { token }));
    assert.deepEqual(await call(await cluster.token(undefined)), refused("token_unbound"));
    const pod = await cluster.createPod("foreign");
    const foreign = await cluster.token(pod, "another");
    assert.deepEqual(await call(foreign), refused("token_audience"));
  });

  test("no token and no key is in the log or the metrics", async () => {
    const token = await cluster.token(await cluster.createPod("quiet"));
    await callIdentity(replica.dial(), { token });
    const secret = await cluster.readSecret("remora-issuer");
    const said = replica.logLines().join("\n") + (await replica.metrics());
    assert(!said.includes(token.slice(-40)));
    assert(!said.includes(String(secret["tls.key"]).split("\n")[1] ?? "?"));
    assert(!said.includes("PRIVATE KEY"));
  });

  test("the bundle follows namespaces and pods that opt in, and is put right when somebody changes it", async () => {
    const namespace = "/api/v1/namespaces/shop";
    const map = `${namespace}/configmaps/remora-trust-bundle`;
    assert.equal(await cluster.readBundle("shop"), undefined);
    await patch(namespace, { metadata: { labels: { "remora.dev/inject": "enabled" } } });
    const pem = await eventually("the bundle in shop", () => cluster.readBundle("shop"));
    assert.equal(pem, replica.service.rootPem);
    await patch(map, { data: { "ca.pem": "mine", more: "x" } });
    await eventually("a repaired bundle", async () => (await cluster.readBundle("shop")) === pem);
    await remove(map);
    await eventually("a bundle again", () => cluster.readBundle("shop"));
    await patch(namespace, { metadata: { labels: { "remora.dev/inject": null } } });
    await eventually("no bundle", async () => (await cluster.readBundle("shop")) === undefined);
    await cluster.createPod("alone", { labels: { "remora.dev/inject": "enabled" } });
    await eventually("the bundle for one pod", () => cluster.readBundle("shop"));
    await remove(`${namespace}/pods/alone`);
    await eventually("no bundle", async () => (await cluster.readBundle("shop")) === undefined);
  });

  test("a namespace that opts out keeps the bundle while pods mount it", async () => {
    await cluster.server.kubectl(["create", "namespace", "leaving"]);
    await cluster.server.kubectl(["create", "serviceaccount", "web", "-n", "leaving"]);
    const namespace = "/api/v1/namespaces/leaving";
    await patch(namespace, { metadata: { labels: { "remora.dev/inject": "enabled" } } });
    await eventually("the bundle", () => cluster.readBundle("leaving"));
    await cluster.createPod("stays", { namespace: "leaving", ip: "127.0.0.1" });
    await patch(namespace, { metadata: { labels: { "remora.dev/inject": null } } });
    // Another namespace's bundle is written in the pass that leaves this one alone.
    await patch("/api/v1/namespaces/default", {
      metadata: { labels: { "remora.dev/inject": "enabled" } },
    });
    await eventually("the next pass", () => cluster.readBundle("default"));
    assert.notEqual(await cluster.readBundle("leaving"), undefined);
    await patch("/api/v1/namespaces/default", {
      metadata: { labels: { "remora.dev/inject": null } },
    });
    await remove(`${namespace}/pods/stays`);
  });

  test("a Secret that somebody deletes is there again with the same root", async () => {
    const { rootPem } = replica.service;
    await remove(`/api/v1/namespaces/${system}/secrets/remora-issuer`);
    const again = await eventually("the Secret", () =>
      cluster.readSecret("remora-issuer").catch(() => undefined),
    );
    assert.equal(again["ca.crt"], rootPem);
    assert.equal(replica.service.rootPem, rootPem);
  });

  test("a new issuer in the Secret is used at once, and nonsense is not", async () => {
    const before = await cluster.readSecret("remora-issuer");
    const root = await cluster.readSecret("remora-root");
    const made = makeIssuer(
      { certificatePem: String(root["tls.crt"]), privateKeyPem: String(root["tls.key"]) },
      { trustDomain: "cluster.local", now: Date.now(), lifetime: 90 * day },
    );
    const path = `/api/v1/namespaces/${system}/secrets/remora-issuer`;
    const base64 = (text: string): string => Buffer.from(text).toString("base64");
    const token = await cluster.token(await cluster.createPod("swapped"));
    const client = replica.dial();
    const issuerNow = async (): Promise<string | undefined> =>
      (await callIdentity(client, { token }))[1];
    assert.equal(await issuerNow(), before["tls.crt"]);
    const fresh = { "tls.crt": base64(made.certificatePem), "tls.key": base64(made.privateKeyPem) };
    await patch(path, { data: fresh });
    await eventually("the new issuer", async () => (await issuerNow()) === made.certificatePem);
    const stranger = makeRoot({ trustDomain: "cluster.local", now: Date.now(), lifetime: day });
    await patch(path, { data: { "tls.key": base64(stranger.privateKeyPem) } });
    await eventually("a word on it", () =>
      replica.logLines().some((line) => line.includes("issuer refused")),
    );
    assert.equal(await issuerNow(), made.certificatePem);
    await patch(path, { data: fresh });
  });
});

test("an issuer is renewed under the same root before it ends", async () => {
  const first = await cluster.readSecret("remora-issuer");
  const replica = await cluster.startReplica({
    environment: { REMORA_IDENTITY_ISSUER_LIFETIME: "87000h" },
  });
  const next = await eventually("a new issuer", async () => {
    const secret = await cluster.readSecret("remora-issuer");
    return secret["tls.crt"] !== first["tls.crt"] && secret;
  });
  assert.equal(next["ca.crt"], first["ca.crt"]);
  await replica.close();
});

test("while the API server is away the signature decides, unless a review is required", async () => {
  const [lenient, strict] = await Promise.all([
    cluster.startReplica(),
    cluster.startReplica({ environment: { REMORA_IDENTITY_TOKEN_REVIEW: "require" } }),
  ]);
  const token = await cluster.token(await cluster.createPod("steady"));
  const clients = [lenient.dial(), strict.dial()] as const;
  await cluster.server.stop();
  const [leaf = ""] = await callIdentity(clients[0], { token });
  assert.equal(new X509Certificate(leaf).ca, false);
  assert.match(await lenient.metrics(), /^remora_identity_tokens_unconfirmed_total 1$/m);
  assert.deepEqual(await failureOf(callIdentity(clients[1], { token })), [
    "UNAVAILABLE",
    "token_unconfirmed",
  ]);
  await cluster.server.start();
  await eventually("reviews again", async () => {
    const [code] = await failureOf(callIdentity(clients[1], { token }));
    return code === "OK";
  });
  await Promise.all([lenient.close(), strict.close()]);
});
