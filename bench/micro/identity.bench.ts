/**
 * What a certificate costs the authority: `node bench/micro/identity.bench.ts`. Microseconds of CPU time, best of several
 * rounds, since the wall clock of a shared machine says little; 1,000 certificates a second need less than 1,000 µs.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/core/clock.ts";
import { seconds } from "../../src/core/duration.ts";
import { createWatch } from "../../src/core/watch.ts";
import { createAnswer } from "../../src/identity/answer.ts";
import { createAuthenticator } from "../../src/identity/authenticate.ts";
import { openAuthority } from "../../src/identity/authority-files.ts";
import { parseJwks } from "../../src/identity/jwks.ts";
import { createClaims, signJwt } from "../../src/identity/local-issuer.ts";
import { verifyToken } from "../../src/identity/token.ts";
import { createSerial } from "../../src/protocol/x509/certificate-build.ts";
import { checkCsr } from "../../src/protocol/x509/csr-check.ts";
import { createCsr } from "../../src/protocol/x509/csr-request.ts";

const rounds = 7;
const perRound = 1_000;
const uri = "spiffe://cluster.local/ns/shop/sa/web";
const now = Date.now();

async function measure(what: string, work: () => unknown): Promise<void> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round += 1) {
    const begin = process.cpuUsage();
    for (let index = 0; index < perRound; index += 1) await work();
    const { user, system } = process.cpuUsage(begin);
    best = Math.min(best, (user + system) / perRound);
  }
  process.stdout.write(`${what.padEnd(52)} ${best.toFixed(0).padStart(6)} µs CPU\n`);
}

const directory = mkdtempSync(join(tmpdir(), "remora-bench-identity-"));
const { authority } = openAuthority(directory, "cluster.local", now);
rmSync(directory, { recursive: true });
const csr = createCsr(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey, uri);
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const keys = parseJwks(
  JSON.stringify({ keys: [{ ...ec.publicKey.export({ format: "jwk" }), kid: "a" }] }),
);
const asked = {
  namespace: "shop",
  serviceAccount: "web",
  podName: "web-1",
  podUid: "7f3c",
  audience: "remora",
  lifetime: seconds(3_600),
};
const token = signJwt({ alg: "ES256", kid: "a" }, createClaims(asked, "me", now), ec.privateKey);
const rules = { issuer: "me", audience: "remora", podBound: true };

await measure("check a token's signature and claims (ES256)", () =>
  verifyToken(token, keys, rules, now),
);
const verdict = checkCsr(csr);
if (verdict.kind === "rejected") throw new Error(verdict.reason);
const { publicPoint } = verdict;
await measure("check a certificate request", () => checkCsr(csr));
await measure("build and sign a leaf", () =>
  authority.issueLeaf({
    publicPoint,
    serial: createSerial(randomBytes),
    notBefore: now,
    notAfter: now + 3_600_000,
    uri,
  }),
);

const answer = createAnswer({
  authenticate: createAuthenticator({
    keys: { current: () => keys, refresh: async () => {}, close() {} },
    rules: () => rules,
    review: undefined,
    reviewRequired: false,
    clock: systemClock,
    onUnconfirmed() {},
  }),
  policy: {
    trustDomain: "cluster.local",
    leafLifetime: seconds(3_600),
    maxLifetime: seconds(86_400),
  },
  authority: createWatch(authority),
  clock: systemClock,
});
const request = {
  authorization: [`Bearer ${token}`],
  csr,
  validitySeconds: 0,
  impersonates: false,
};
await measure("answer a request: token, CSR, leaf", async () => {
  const result = await answer(request);
  if (result.kind === "refused") throw new Error(result.code);
});
