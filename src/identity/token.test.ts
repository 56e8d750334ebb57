import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { test } from "node:test";
import { seconds } from "../core/duration.ts";
import { parseJwks } from "./jwks.ts";
import { createClaims, signJwt } from "./local-issuer.ts";
import { notBeforeSkew, type TokenVerdict, verifyToken } from "./token.ts";

const now = Date.UTC(2030, 0, 1);
const issuer = "https://kubernetes.default.svc";
const rules = { issuer, audience: "remora" };
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" });
const keys = parseJwks(
  JSON.stringify({
    keys: [
      { ...ec.publicKey.export({ format: "jwk" }), kid: "ec" },
      { ...rsa.publicKey.export({ format: "jwk" }), kid: "rsa", alg: "RS256", use: "sig" },
    ],
  }),
);
const header = { alg: "ES256", kid: "ec" };
const claims = createClaims(
  {
    namespace: "shop",
    serviceAccount: "web",
    podName: "web-1",
    podUid: "7f3c",
    audience: "remora",
    lifetime: seconds(600),
  },
  issuer,
  now,
);

function token(
  changes: Readonly<Record<string, unknown>> = {},
  head: Readonly<Record<string, unknown>> = header,
  key: KeyObject = ec.privateKey,
): string {
  return signJwt(head, { ...claims, ...changes }, key);
}

function check(text: string, at = now): TokenVerdict {
  return verifyToken(text, keys, rules, at);
}

/** Signed bytes with another way of signing. */
function assemble(head: object, signer: (bytes: Buffer) => Buffer): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${encode(head)}.${encode(claims)}`;
  return `${signed}.${signer(Buffer.from(signed)).toString("base64url")}`;
}

const web = {
  kind: "accepted",
  caller: { namespace: "shop", serviceAccount: "web", podName: "web-1", podUid: "7f3c" },
  notAfter: now + 600_000,
};

test("a token of the API server names its pod's account", () => {
  assert.deepEqual(check(token()), web);
});

test("an RS256 token is accepted with the RSA key", () => {
  const text = assemble({ alg: "RS256", kid: "rsa" }, (bytes) =>
    sign("sha256", bytes, rsa.privateKey),
  );
  assert.deepEqual(check(text), web);
});

test("one audience as a text is as good as a list", () => {
  assert.deepEqual(check(token({ aud: "remora" })), web);
});

test("a token without pod claims names the account alone", () => {
  const verdict = check(token({ "kubernetes.io": undefined }));
  assert(verdict.kind === "accepted");
  assert.equal(verdict.caller.podName, undefined);
});

test("a token that begins a little later by another clock is accepted", () => {
  assert.deepEqual(check(token(), now - notBeforeSkew), web);
});

test("a token is accepted until the moment it expires", () => {
  assert.deepEqual(check(token(), now + 599_999), web);
  assert.deepEqual(check(token(), now + 600_000), { kind: "rejected", reason: "token_expired" });
});

const good = token();
const [headPart, claimPart, signaturePart] = good.split(".");
const publicPem = ec.publicKey.export({ type: "spki", format: "pem" });
const hmac = (bytes: Buffer): Buffer => createHmac("sha256", publicPem).update(bytes).digest();
const account = (namespace: string, name: string) => ({
  "kubernetes.io": { namespace, serviceaccount: { name } },
});

const rejected: readonly (readonly [string, string, string, number?])[] = [
  ["nothing", "", "token_missing"],
  ["one part", "abc", "token_malformed"],
  ["two parts", `${headPart}.${claimPart}`, "token_malformed"],
  ["four parts", `${good}.AAAA`, "token_malformed"],
  ["an empty signature", `${headPart}.${claimPart}.`, "token_malformed"],
  ["a padded signature", `${good}==`, "token_malformed"],
  ["standard base64", `${headPart}.${claimPart}.++++`, "token_malformed"],
  ["a header that is not JSON", `AAAA.${claimPart}.${signaturePart}`, "token_malformed"],
  ["a header that is a list", `W10.${claimPart}.${signaturePart}`, "token_malformed"],
  ["a critical extension", token({}, { ...header, crit: ["exp"] }), "token_malformed"],
  ["a token of 10 KB", token({ padding: "x".repeat(10_000) }), "token_malformed"],
  ["no algorithm", token({}, { kid: "ec" }), "token_algorithm"],
  ["alg none", assemble({ alg: "none", kid: "ec" }, () => Buffer.alloc(0)), "token_algorithm"],
  ["alg NONE", assemble({ alg: "NONE", kid: "ec" }, () => Buffer.of(1)), "token_algorithm"],
  [
    "HS256 with the public key as secret",
    assemble({ alg: "HS256", kid: "ec" }, hmac),
    "token_algorithm",
  ],
  ["an EC key used as RS256", token({}, { alg: "RS256", kid: "ec" }), "token_algorithm"],
  ["an RSA key used as ES256", token({}, { alg: "ES256", kid: "rsa" }), "token_algorithm"],
  ["an unknown key", token({}, { alg: "ES256", kid: "other" }), "token_unknown_key"],
  ["no key id", token({}, { alg: "ES256" }), "token_unknown_key"],
  ["a key id that is a number", token({}, { alg: "ES256", kid: 1 }), "token_unknown_key"],
  [
    "a key named like a property of objects",
    token({}, { alg: "ES256", kid: "__proto__" }),
    "token_unknown_key",
  ],
  ["a stranger's signature", token({}, header, stranger.privateKey), "token_signature"],
  [
    "a DER signature",
    assemble(header, (bytes) => sign("sha256", bytes, ec.privateKey)),
    "token_signature",
  ],
  ["a signature of zeros", assemble(header, () => Buffer.alloc(64)), "token_signature"],
  [
    "claims that were changed",
    `${headPart}.${token({ sub: "x" }).split(".")[1]}.${signaturePart}`,
    "token_signature",
  ],
  ["another issuer", token({ iss: "https://evil" }), "token_issuer"],
  ["no issuer", token({ iss: undefined }), "token_issuer"],
  ["another audience", token({ aud: ["istio-ca"] }), "token_audience"],
  ["no audience, as legacy tokens", token({ aud: undefined }), "token_audience"],
  ["an audience that contains ours", token({ aud: "remora.evil" }), "token_audience"],
  ["no expiry", token({ exp: undefined }), "token_expired"],
  ["an expiry that is a text", token({ exp: "9999999999" }), "token_expired"],
  ["an expired token", good, "token_expired", now + 601_000],
  ["a token of the future", good, "token_not_yet_valid", now - notBeforeSkew - 1_000],
  ["a beginning that is a text", token({ nbf: "0" }), "token_not_yet_valid"],
  ["a user", token({ sub: "admin" }), "token_subject"],
  ["no subject", token({ sub: undefined }), "token_subject"],
  ["a node", token({ sub: "system:node:a" }), "token_subject"],
  [
    "a slash in the account",
    token({ sub: "system:serviceaccount:shop:web/sa/x" }),
    "token_subject",
  ],
  ["an empty namespace", token({ sub: "system:serviceaccount::web" }), "token_subject"],
  ["a fifth part", token({ sub: "system:serviceaccount:shop:web:x" }), "token_subject"],
  ["dots as a namespace", token({ sub: "system:serviceaccount:..:web" }), "token_subject"],
  ["a line end", token({ sub: "system:serviceaccount:shop:web\n" }), "token_subject"],
  ["another namespace in the pod claims", token(account("other", "web")), "token_subject"],
  ["another account in the pod claims", token(account("shop", "api")), "token_subject"],
];

for (const [what, text, reason, at] of rejected) {
  test(`a token proves nothing: ${what}`, () => {
    assert.deepEqual(check(text, at), { kind: "rejected", reason });
  });
}
