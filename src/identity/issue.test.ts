import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { seconds } from "../core/duration.ts";
import { createCsr } from "../protocol/x509/csr-request.ts";
import { openAuthority } from "./authority-files.ts";
import { type IssueRequest, type IssueResult, issueCertificate } from "./issue.ts";
import { type KeyFile, parseJwks } from "./jwks.ts";
import { createClaims, signJwt } from "./local-issuer.ts";

const start = Date.UTC(2030, 0, 1);
const day = 86_400_000;
const directory = mkdtempSync(join(tmpdir(), "remora-issue-"));
after(() => rmSync(directory, { recursive: true }));
const { authority } = openAuthority(directory, "cluster.local", start);

const signer = generateKeyPairSync("ec", { namedCurve: "P-256" });
const jwks = (kid: string) =>
  parseJwks(JSON.stringify({ keys: [{ ...signer.publicKey.export({ format: "jwk" }), kid }] }));
const keys: KeyFile = { current: () => jwks("a"), refresh: () => {}, close: () => {} };
const policy = {
  trustDomain: "cluster.local",
  tokens: { issuer: "me", audience: "remora" },
  leafLifetime: seconds(3_600),
  maxLifetime: seconds(86_400),
};
const pod = generateKeyPairSync("ec", { namedCurve: "P-256" });
const csr = createCsr(pod.privateKey, "spiffe://cluster.local/ns/shop/sa/web");

function authorize(now: number): string {
  const request = {
    namespace: "shop",
    serviceAccount: "web",
    audience: "remora",
    lifetime: seconds(600),
  };
  const claims = createClaims(request, "me", now);
  return `Bearer ${signJwt({ alg: "ES256", kid: "a" }, claims, signer.privateKey)}`;
}

function issue(changes: Partial<IssueRequest>, now = start, from = keys): IssueResult {
  const request = {
    authorization: [authorize(now)],
    csr,
    validitySeconds: 0,
    impersonates: false,
    ...changes,
  };
  return issueCertificate(request, policy, authority, from, now);
}

test("two authorization headers are refused, even when both are good", () => {
  const result = issue({ authorization: [authorize(start), authorize(start)] });
  assert(result.kind === "refused");
  assert.equal(result.code, "token_malformed");
});

test("the scheme's letters may be of any case, and nothing may follow the token", () => {
  const header = authorize(start);
  assert.equal(issue({ authorization: [header.replace("Bearer", "bearer")] }).kind, "issued");
  assert.equal(issue({ authorization: [`${header} x`] }).kind, "refused");
  assert.equal(issue({ authorization: [header.slice("Bearer ".length)] }).kind, "refused");
});

test("a leaf never outlives its issuer", () => {
  const now = authority.notAfter - 60_000;
  const result = issue({ validitySeconds: 3_600 }, now);
  assert(result.kind === "issued");
  assert.equal(result.notAfter, authority.notAfter);
  const leaf = new X509Certificate(result.chain[0] ?? "");
  assert.equal(leaf.validToDate.getTime(), authority.notAfter);
});

test("an authority at its end refuses", () => {
  for (const now of [authority.notAfter - 1_000, authority.notAfter, authority.notAfter + day]) {
    const result = issue({}, now);
    assert(result.kind === "refused");
    assert.equal(result.code, "authority_expired");
  }
});

test("an authority before its beginning refuses: the clock was set back", () => {
  const result = issue({}, authority.notBefore - day);
  assert(result.kind === "refused");
  assert.equal(result.code, "authority_expired");
});

test("a token with an unknown key makes the key file be read once more", () => {
  let kid = "old";
  const rotating: KeyFile = {
    current: () => jwks(kid),
    refresh: () => {
      kid = "a";
    },
    close: () => {},
  };
  assert.equal(issue({}, start, rotating).kind, "issued");
});

test("the token is judged before the request, so that a stranger learns nothing", () => {
  const result = issue({ authorization: [], csr: "x", impersonates: true });
  assert.deepEqual(result, { kind: "refused", code: "token_missing", caller: undefined });
});

test("lifetimes that are no numbers fall back to the default", () => {
  for (const validitySeconds of [Number.NaN, -1, 0]) {
    const result = issue({ validitySeconds });
    assert(result.kind === "issued");
    assert.equal(result.notAfter, start + 3_600_000);
  }
});
