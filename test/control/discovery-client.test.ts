import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createSecureContext } from "node:tls";
import { pino } from "pino";
import { systemClock } from "../../src/core/clock.ts";
import { createControlPlaneClient } from "../../src/proxy/control-plane.ts";
import { createDiscoveryClient, type DiscoveryClient } from "../../src/proxy/discovery/client.ts";
import { authorize } from "../../src/proxy/policy/authorize.ts";
import { createWireContext, startTicking } from "../../src/proxy/transport/wire-context.ts";
import { certify, tlsOptionsOf } from "../identity/certified-peer.ts";
import {
  type ControlFixture,
  podManifest,
  policyManifest,
  serviceManifest,
  startControlFixture,
  webIdentity,
} from "./control-fixture.ts";
import { eventually } from "./eventually.ts";

const shop = {
  "a.json": podManifest("a", "10.0.0.1"),
  "b.json": podManifest("b", "10.0.0.2"),
  "web.json": serviceManifest("web", "10.1.0.1"),
};

/** The sidecar's own client for pod `a`, over its own HTTP/2 and mTLS. */
function connectSidecar(
  context: TestContext,
  fixture: ControlFixture,
  lifetimeMillis = 3_600_000,
): DiscoveryClient {
  const wires = createWireContext();
  const stopTicking = startTicking(wires, systemClock);
  const grpc = createControlPlaneClient(
    {
      address: { host: "127.0.0.1", port: fixture.port },
      serviceAccount: "remora-control",
      trustDomain: "cluster.local",
      secureContext: () => {
        const notAfter = Date.now() + lifetimeMillis;
        const own = certify(fixture.authority, { uri: webIdentity, notAfter });
        return createSecureContext(tlsOptionsOf(own, fixture.authority.rootPem));
      },
    },
    wires,
    systemClock,
  );
  const client = createDiscoveryClient({
    grpc,
    clock: systemClock,
    log: pino({ level: "silent" }),
    pod: { name: "a", namespace: "shop", uid: "uid-a", ip: "10.0.0.1", node: "" },
  });
  context.after(() => {
    client.close();
    grpc.close();
    stopTicking();
  });
  return client;
}

const endpoints = (client: DiscoveryClient, port = 80): string[] => {
  const found = client.lookup("10.1.0.1", port);
  return found?.kind === "service" ? found.endpoints.map(({ ip }) => ip) : [];
};

test("a sidecar learns of a service and its pods, and of every later change", async (t) => {
  const fixture = await startControlFixture(t, shop);
  const client = connectSidecar(t, fixture);
  await client.loaded;
  const destination = await client.resolve("10.1.0.1", 80);
  assert.ok(destination.kind === "service");
  assert.equal(destination.protocol, "http1");
  assert.deepEqual(
    destination.endpoints.map(({ ip, port, tunnel, identity }) => [ip, port, tunnel, identity]),
    [
      ["10.0.0.1", 8080, "mesh", webIdentity],
      ["10.0.0.2", 8080, "mesh", webIdentity],
    ],
  );
  fixture.folder.write("c.json", podManifest("c", "10.0.0.3"));
  await eventually("a new pod", () => endpoints(client).join() === "10.0.0.1,10.0.0.2,10.0.0.3");
  fixture.folder.write("a.json", podManifest("a", "10.0.0.1", { ready: false }));
  await eventually("an unready pod", () => endpoints(client).join() === "10.0.0.2,10.0.0.3");
  fixture.folder.remove("c.json");
  await eventually("a removed pod", () => endpoints(client).join() === "10.0.0.2");
  fixture.folder.remove("web.json");
  await eventually("a removed service", () => client.lookup("10.1.0.1", 80)?.kind === "unknown");
  assert.deepEqual(await client.resolve("10.7.7.7", 80), { kind: "unknown" });
});

test("a policy that is written, changed and removed takes effect on the sidecar's decisions", async (t) => {
  const fixture = await startControlFixture(t, shop);
  const client = connectSidecar(t, fixture);
  await client.loaded;
  const facts = { peer: undefined, clientIp: "10.0.0.2", destinationIp: "10.0.0.1", port: 8080 };
  const reason = (): string => {
    const decision = authorize(client.policies.current(), facts);
    return decision.kind === "denied" ? decision.reason : "permitted";
  };
  const reasons: string[] = [];
  client.policies.subscribe(() => reasons.push(reason()));
  assert.equal(reason(), "permitted");
  const selector = { matchLabels: { app: "web" } };
  const deny = { action: "Deny", selector, rules: [{ from: { notPrincipals: ["*"] } }] };
  fixture.folder.write("p.json", policyManifest("no-plaintext", deny));
  await eventually("denied", () => reason() === "policy shop/no-plaintext denies it");
  fixture.folder.write("p.json", policyManifest("no-plaintext", { ...deny, audit: true }));
  await eventually("audited", () => reason() === "permitted");
  fixture.folder.write("p.json", policyManifest("no-plaintext", deny));
  await eventually("denied again", () => reason() !== "permitted");
  fixture.folder.remove("p.json");
  await eventually("removed", () => reason() === "permitted");
  assert.deepEqual(new Set(reasons), new Set(["permitted", "policy shop/no-plaintext denies it"]));
});

test("while control is away the last good state holds, and what changed meanwhile comes after it", async (t) => {
  const fixture = await startControlFixture(t, shop);
  const client = connectSidecar(t, fixture);
  await client.resolve("10.1.0.1", 80);
  await fixture.control.close();
  assert.deepEqual(endpoints(client), ["10.0.0.1", "10.0.0.2"]);
  fixture.folder.remove("b.json");
  await fixture.restart();
  await eventually("the change", () => endpoints(client).join() === "10.0.0.1", 10_000);
});

test("a stream whose certificate ends comes back with a new one", async (t) => {
  const fixture = await startControlFixture(t, shop);
  const client = connectSidecar(t, fixture, 1_500);
  await client.resolve("10.1.0.1", 80);
  const streams = () =>
    fixture.logLines().filter((line) => line.includes('"proxy connected"')).length;
  await eventually("a second stream", () => streams() >= 2, 10_000);
  fixture.folder.remove("b.json");
  await eventually("news on it", () => endpoints(client).join() === "10.0.0.1");
});
