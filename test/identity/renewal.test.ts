import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { pino } from "pino";
import { systemClock } from "../../src/core/clock.ts";
import { seconds } from "../../src/core/duration.ts";
import { formatSpiffeId, type SpiffeId } from "../../src/core/spiffe-id.ts";
import { createCaClient } from "../../src/credentials/ca-client.ts";
import {
  type Credentials,
  createCredentials,
  type RequestCertificate,
} from "../../src/credentials/credentials.ts";
import { createGrpcJsCaClient } from "../../src/credentials/grpc-js-ca-client.ts";
import { openTrustBundle } from "../../src/credentials/trust-bundle.ts";
import { createControlPlaneClient } from "../../src/proxy/control-plane.ts";
import { createWireContext, startTicking } from "../../src/proxy/transport/wire-context.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { type IdentityFixture, startFixture, webId } from "./identity-fixture.ts";

const trustDomain = "cluster.local";
const log = pino({ level: "silent" });

/** Of a certificate of one hour; the service's clock goes on while a test's stands still. */
const pastHalfLife = seconds(1_860);

/** How a program asks; `dials` gives what a client needs of the credentials that use it. */
type CreateClient = (dials: Dials, context: TestContext) => RequestCertificate;

interface Dials {
  readonly port: number;
  readonly tokenFile: string;
  readonly authorityAccount: "remora-identity" | "remora-control";
  readonly credentials: () => Credentials;
}

const withGrpcJs: CreateClient = ({ port, tokenFile, authorityAccount, credentials }) =>
  createGrpcJsCaClient({
    address: `127.0.0.1:${port}`,
    tokenFile,
    trustDomain,
    context: () => credentials().identityContext(),
    authorityId: formatSpiffeId({
      trustDomain,
      namespace: "remora-system",
      serviceAccount: authorityAccount,
    }),
  });

const withOwnClient: CreateClient = (dials, context) => {
  const wires = createWireContext();
  const stopTicking = startTicking(wires, systemClock);
  const grpc = createControlPlaneClient(
    {
      address: { host: "127.0.0.1", port: dials.port },
      serviceAccount: dials.authorityAccount,
      trustDomain,
      secureContext: () => dials.credentials().identityContext(),
    },
    wires,
    createFakeClock(),
  );
  context.after(() => {
    grpc.close();
    stopTicking();
  });
  return createCaClient({ grpc, tokenFile: dials.tokenFile });
};

interface Pod {
  readonly credentials: Credentials;
  readonly clock: ReturnType<typeof createFakeClock>;
}

function startPod(
  fixture: IdentityFixture,
  create: CreateClient,
  context: TestContext,
  authorityAccount: Dials["authorityAccount"] = "remora-identity",
): Pod {
  const tokenFile = join(fixture.directory, "token");
  writeFileSync(tokenFile, `${fixture.token()}\n`);
  const clock = createFakeClock(Date.now());
  const bundle = openTrustBundle(join(fixture.directory, "bundle", "ca.pem"), clock, log);
  const dials = {
    port: fixture.service.port,
    tokenFile,
    authorityAccount,
    credentials: (): Credentials => credentials,
  };
  const credentials = createCredentials({
    requestCertificate: create(dials, context),
    trustBundle: bundle,
    id: webId as SpiffeId,
    trustDomain,
    clock,
    log,
    random: () => 0,
  });
  context.after(() => {
    credentials.close();
    bundle.close();
  });
  return { credentials, clock };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    assert(performance.now() < deadline, "not within ten seconds");
    await setTimeout(5);
  }
}

for (const [name, create] of Object.entries({ "grpc-js": withGrpcJs, "own gRPC": withOwnClient })) {
  describe(`credentials over ${name}`, () => {
    test("a pod gets its certificate and renews it with another key", async (context) => {
      const fixture = await startFixture();
      context.after(() => fixture.close());
      const { credentials, clock } = startPod(fixture, create, context);
      await credentials.ready();
      const first = credentials.tls.current()?.certificate;
      assert.equal(first?.id, webId);
      clock.advance(pastHalfLife);
      await until(() => credentials.counters().renewals === 2);
      assert.notEqual(credentials.tls.current()?.certificate.serial, first?.serial);
    });

    test("a service that goes and comes back costs nothing but retries", async (context) => {
      const first = await startFixture();
      const { credentials, clock } = startPod(first, create, context);
      await credentials.ready();
      const held = credentials.tls.current()?.certificate;
      const { port } = first.service;
      await first.service.close();
      clock.advance(pastHalfLife);
      await until(() => credentials.counters().failures === 1);
      assert.equal(credentials.tls.current()?.certificate, held);
      const environment = { REMORA_IDENTITY_LISTEN: `127.0.0.1:${port}` };
      const second = await startFixture({ directory: first.directory, environment });
      context.after(async () => {
        await second.close();
        await first.close();
      });
      await until(() => {
        clock.advance(500);
        return credentials.counters().renewals === 2;
      });
      assert.notEqual(credentials.tls.current()?.certificate.serial, held?.serial);
    });

    test("a server that is not the identity service gets no token", async (context) => {
      const fixture = await startFixture();
      context.after(() => fixture.close());
      const { credentials } = startPod(fixture, create, context, "remora-control");
      await until(() => credentials.counters().failures === 1);
      assert(!fixture.logLines().some((line) => line.includes("certificate issued")));
      assert.equal(credentials.tls.current(), undefined);
    });

    test("a refused token is tried again with what the file holds then", async (context) => {
      const fixture = await startFixture();
      context.after(() => fixture.close());
      const { credentials, clock } = startPod(fixture, create, context);
      const tokenFile = join(fixture.directory, "token");
      writeFileSync(tokenFile, fixture.token({ audience: "other" }));
      await until(() => credentials.counters().failures + credentials.counters().renewals === 1);
      assert.equal(credentials.counters().failures, 1);
      writeFileSync(tokenFile, fixture.token());
      clock.advance(500);
      await credentials.ready();
    });
  });
}
