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

const start = Date.UTC(2030, 0, 1);
const day = 86_400_000;
const directory = mkdtempSync(join(tmpdir(), "remora-issue-"));
after(() => rmSync(directory, { recursive: true }));
const { authority } = openAuthority(directory, "cluster.local", start);

const policy = {
  trustDomain: "cluster.local",
  leafLifetime: seconds(3_600),
  maxLifetime: seconds(86_400),
};
const pod = generateKeyPairSync("ec", { namedCurve: "P-256" });
const csr = createCsr(pod.privateKey, "spiffe://cluster.local/ns/shop/sa/web");

const caller = { namespace: "shop", serviceAccount: "web", podName: "web-1", podUid: "7f3c" };

function issue(changes: Partial<IssueRequest>, now = start): IssueResult {
  const request = { csr, validitySeconds: 0, impersonates: false, ...changes };
  return issueCertificate(request, caller, policy, authority, now);
}

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

test("lifetimes that are no numbers fall back to the default", () => {
  for (const validitySeconds of [Number.NaN, -1, 0]) {
    const result = issue({ validitySeconds });
    assert(result.kind === "issued");
    assert.equal(result.notAfter, start + 3_600_000);
  }
});
