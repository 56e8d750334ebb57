import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { pino } from "pino";
import { createFakeClock, type FakeClock } from "../../test/support/fake-clock.ts";
import type { SpiffeId } from "../core/spiffe-id.ts";
import { createWatch, type WatchSource } from "../core/watch.ts";
import { openAuthority } from "../identity/authority-files.ts";
import { createSerial } from "../protocol/x509/certificate-build.ts";
import { checkCsr } from "../protocol/x509/csr-check.ts";
import { type Credentials, createCredentials, type WorkloadTls } from "./credentials.ts";
import { parseTrustBundle, type TrustBundle } from "./trust-bundle.ts";
import type { WorkloadCertificate } from "./workload-certificate.ts";

const hour = 3_600_000;
const id = "spiffe://cluster.local/ns/shop/sa/web" as SpiffeId;
const directory = mkdtempSync(join(tmpdir(), "remora-credentials-"));
after(() => rmSync(directory, { recursive: true }));
const start = Date.now();
const { authority } = openAuthority(join(directory, "a"), "cluster.local", start);
const other = openAuthority(join(directory, "b"), "cluster.local", start).authority;

interface Rig {
  readonly clock: FakeClock;
  readonly credentials: Credentials;
  readonly bundle: WatchSource<TrustBundle>;
  /** What the authority answers from now on: a lifetime, an error, or a chain made of the real one. */
  answer: (csr: string) => Promise<readonly string[]>;
  readonly requests: () => number;
  /** Moves the time and lets answers arrive. */
  pass(millis: number): Promise<void>;
  /** The certificate that is served, if any. */
  held(): WorkloadCertificate | undefined;
  tls(): WorkloadTls;
}

function issue(csr: string, now: number, lifetime: number, uri: string = id): readonly string[] {
  const verdict = checkCsr(csr);
  assert(verdict.kind === "accepted");
  const leaf = authority.issueLeaf({
    publicPoint: verdict.publicPoint,
    serial: createSerial((bytes) => crypto.getRandomValues(Buffer.alloc(bytes))),
    notBefore: now - 120_000,
    notAfter: now + lifetime,
    uri,
  });
  return [leaf, ...authority.intermediates, authority.rootPem];
}

function createRig(context: TestContext): Rig {
  const clock = createFakeClock(start);
  const bundle = createWatch(parseTrustBundle(authority.rootPem));
  let count = 0;
  const rig = {
    answer: async (csr: string) => issue(csr, clock.wallTime(), hour),
  } as Rig & { answer: Rig["answer"] };
  const credentials = createCredentials({
    requestCertificate: (csr) => {
      count += 1;
      return rig.answer(csr);
    },
    trustBundle: bundle,
    id,
    trustDomain: "cluster.local",
    clock,
    log: pino({ level: "silent" }),
    random: () => 0,
  });
  context.after(() => credentials.close());
  return Object.assign(rig, {
    clock,
    credentials,
    bundle,
    requests: () => count,
    async pass(millis: number) {
      clock.advance(millis);
      await setImmediate();
    },
    held: () => credentials.tls.current()?.certificate,
    tls() {
      const tls = credentials.tls.current();
      assert(tls !== undefined);
      return tls;
    },
  });
}

const fail = async (): Promise<never> => {
  throw new Error("authority is away");
};

test("the first certificate is asked for at once", async (context) => {
  const rig = createRig(context);
  await rig.credentials.ready();
  assert.equal(rig.held()?.id, id);
  assert.deepEqual(rig.credentials.counters(), { renewals: 1, failures: 0 });
});

test("a certificate is renewed at half of its life with a fresh key", async (context) => {
  const rig = createRig(context);
  await rig.credentials.ready();
  const first = rig.tls().certificate;
  await rig.pass(hour / 2 - 1_000);
  assert.equal(rig.requests(), 1);
  await rig.pass(1_000);
  const second = rig.tls().certificate;
  assert.notEqual(second.serial, first.serial);
  assert.notEqual(second.privateKeyPem, first.privateKeyPem);
  assert.equal(second.notAfter, Math.floor((start + 1.5 * hour) / 1_000) * 1_000);
});

test("the old certificate is served while renewal fails, until it ends and not longer", async (context) => {
  const rig = createRig(context);
  await rig.credentials.ready();
  const first = rig.held();
  rig.answer = fail;
  for (let minute = 0; minute < 59; minute++) await rig.pass(60_000);
  assert.equal(rig.held(), first);
  assert(rig.requests() > 30, "asked again and again");
  await rig.pass(60_000);
  assert.equal(rig.held(), undefined);
  rig.answer = async (csr) => issue(csr, rig.clock.wallTime(), hour);
  await rig.pass(30_000);
  assert.notEqual(rig.held(), undefined, "a later answer ends the gap");
});

test("a first request that fails is repeated after half a second", async (context) => {
  const rig = createRig(context);
  const good = rig.answer;
  rig.answer = fail;
  await setImmediate();
  assert.equal(rig.credentials.counters().failures, 1);
  rig.answer = good;
  await rig.pass(499);
  assert.equal(rig.requests(), 1);
  await rig.pass(1);
  assert.equal(rig.held()?.id, id);
});

test("a clock that jumps past the end asks at once for a new certificate", async (context) => {
  const rig = createRig(context);
  await rig.credentials.ready();
  const first = rig.held();
  rig.clock.stepWallTime(2 * hour);
  await rig.pass(15_000);
  assert.notEqual(rig.held()?.serial, first?.serial);
  assert((rig.held()?.notAfter ?? 0) > rig.clock.wallTime());
});

const wrongAnswers: Readonly<Record<string, (csr: string, now: number) => readonly string[]>> = {
  "no element": () => [],
  "a leaf alone": (csr, now) => issue(csr, now, hour).slice(0, 1),
  text: () => ["leaf", "root"],
  "another's name": (csr, now) => issue(csr, now, hour, "spiffe://cluster.local/ns/shop/sa/admin"),
  "another trust domain": (csr, now) => issue(csr, now, hour, "spiffe://other/ns/shop/sa/web"),
  "an ended certificate": (csr, now) => issue(csr, now, -1_000),
  "an authority as leaf": () => [authority.rootPem, authority.rootPem],
};
for (const [what, answer] of Object.entries(wrongAnswers)) {
  test(`an answer is not taken over the certificate that is held: ${what}`, async (context) => {
    const rig = createRig(context);
    await rig.credentials.ready();
    const first = rig.held();
    rig.answer = async (csr) => answer(csr, rig.clock.wallTime());
    await rig.pass(hour / 2);
    assert.deepEqual(rig.credentials.counters(), { renewals: 1, failures: 1 });
    assert.equal(rig.held(), first);
  });
}

test("a certificate for another key is refused", async (context) => {
  const rig = createRig(context);
  let earlier: readonly string[] | undefined;
  rig.answer = async (csr) => (earlier ??= issue(csr, rig.clock.wallTime(), hour));
  await rig.credentials.ready();
  await rig.pass(hour / 2);
  assert.equal(rig.credentials.counters().failures, 1);
});

test("a changed bundle makes new contexts around the same certificate", async (context) => {
  const rig = createRig(context);
  await rig.credentials.ready();
  const before = rig.tls();
  rig.bundle.set(parseTrustBundle(authority.rootPem + other.rootPem));
  const now = rig.tls();
  assert.equal(now.certificate, before.certificate);
  assert.notEqual(now.clientContext, before.clientContext);
  assert.equal(now.serverOptions.ca, authority.rootPem + other.rootPem);
});

test("the chain that is served has the leaf first and no root", async (context) => {
  const rig = createRig(context);
  await rig.credentials.ready();
  const blocks = rig.tls().certificate.chainPem.match(/-----BEGIN[^]*?-----END CERTIFICATE-----/g);
  assert.equal(blocks?.length, 2);
  const [leaf, intermediate] = blocks.map((pem) => new X509Certificate(pem));
  assert(leaf && intermediate && leaf.verify(intermediate.publicKey));
});

test("after close nothing is asked or announced", async (context) => {
  const rig = createRig(context);
  await rig.credentials.ready();
  rig.credentials.close();
  await rig.pass(hour);
  assert.equal(rig.requests(), 1);
  assert.equal(rig.clock.pending(), 0);
});
