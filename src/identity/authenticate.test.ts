import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { seconds } from "../core/duration.ts";
import {
  type AuthenticatorOptions,
  createAuthenticator,
  type ReviewOutcome,
} from "./authenticate.ts";
import { parseJwks, type TokenKeySource } from "./jwks.ts";
import { createClaims, signJwt } from "./local-issuer.ts";

const start = Date.UTC(2030, 0, 1);
const signer = generateKeyPairSync("ec", { namedCurve: "P-256" });
const jwks = (kid: string) =>
  parseJwks(JSON.stringify({ keys: [{ ...signer.publicKey.export({ format: "jwk" }), kid }] }));
const keys: TokenKeySource = { current: () => jwks("a"), refresh: async () => {}, close: () => {} };
const caller = { namespace: "shop", serviceAccount: "web", podName: "web-1", podUid: "7f3c" };

function bearer(
  lifetime = seconds(600),
  pod: object = { podName: "web-1", podUid: "7f3c" },
): string {
  const request = {
    namespace: "shop",
    serviceAccount: "web",
    audience: "remora",
    lifetime,
    ...pod,
  };
  const claims = createClaims(request, "me", start);
  return `Bearer ${signJwt({ alg: "ES256", kid: "a" }, claims, signer.privateKey)}`;
}

/** An authenticator whose API server says what the list holds, the last of it for ever. */
function createFixture(says: readonly ReviewOutcome[], more: Partial<AuthenticatorOptions> = {}) {
  const counts = { reviews: 0, unconfirmed: 0 };
  const clock = createFakeClock(start);
  const authenticate = createAuthenticator({
    keys,
    rules: () => ({ issuer: "me", audience: "remora" }),
    review: async () => {
      counts.reviews += 1;
      return says[Math.min(counts.reviews, says.length) - 1] ?? { kind: "unavailable" };
    },
    reviewRequired: false,
    clock,
    onUnconfirmed: () => void counts.unconfirmed++,
    ...more,
  });
  const outcome = async (...headers: string[]): Promise<string> => {
    const verdict = await authenticate(headers);
    return verdict.kind === "accepted" ? verdict.caller.serviceAccount : verdict.reason;
  };
  return { outcome, counts, clock };
}

const confirmed: ReviewOutcome = { kind: "confirmed", caller };

test("two authorization headers are refused, even when both are good", async () => {
  const { outcome } = createFixture([confirmed]);
  assert.equal(await outcome(bearer(), bearer()), "token_malformed");
  assert.equal(await outcome(), "token_missing");
});

test("the scheme's letters may be of any case, and nothing may follow the token", async () => {
  const { outcome } = createFixture([confirmed]);
  const header = bearer();
  assert.equal(await outcome(header.replace("Bearer", "bearer")), "web");
  assert.equal(await outcome(`${header} x`), "token_malformed");
  assert.equal(await outcome(header.slice("Bearer ".length)), "token_malformed");
});

test("a token with an unknown key makes the keys be read once more", async () => {
  let kid = "old";
  const refresh = async (): Promise<void> => {
    kid = "a";
  };
  const rotating = { ...keys, current: () => jwks(kid), refresh };
  assert.equal(await createFixture([confirmed], { keys: rotating }).outcome(bearer()), "web");
});

test("the API server is not asked about a token whose signature is wrong", async () => {
  const { outcome, counts } = createFixture([confirmed]);
  const header = bearer();
  const forged = `${header.slice(0, -4)}${header.endsWith("AAAA") ? "BBBB" : "AAAA"}`;
  assert.match(await outcome(forged), /^token_(signature|malformed)$/);
  assert.equal(counts.reviews, 0);
});

test("a token that the API server no longer knows is refused, however good its signature", async () => {
  const { outcome } = createFixture([{ kind: "denied" }]);
  assert.equal(await outcome(bearer()), "token_revoked");
});

test("a token is reviewed again ten seconds after it was confirmed, and never used past its end", async () => {
  const { outcome, counts, clock } = createFixture([confirmed, confirmed, { kind: "denied" }]);
  const header = bearer();
  assert.equal(await outcome(header), "web");
  clock.advance(9_999);
  assert.equal(await outcome(header), "web");
  assert.equal(counts.reviews, 1);
  clock.advance(1);
  assert.equal(await outcome(header), "web");
  clock.advance(10_000);
  assert.equal(await outcome(header), "token_revoked");
  assert.equal(counts.reviews, 3);
  const short = bearer(seconds(25));
  assert.equal(await createFixture([confirmed]).outcome(short), "web");
  clock.advance(5_000);
  assert.equal(await outcome(short), "token_expired");
});

test("a refusal of the API server is not remembered", async () => {
  const { outcome } = createFixture([{ kind: "denied" }, confirmed]);
  const header = bearer();
  assert.equal(await outcome(header), "token_revoked");
  assert.equal(await outcome(header), "web");
});

test("while the API server is away the signature decides, and it is counted", async () => {
  const { outcome, counts } = createFixture([{ kind: "unavailable" }, confirmed]);
  const header = bearer();
  assert.equal(await outcome(header), "web");
  assert.equal(counts.unconfirmed, 1);
  assert.equal(await outcome(header), "web");
  assert.equal(counts.reviews, 2, "an unconfirmed token is asked about again");
});

test("where a review is required nobody gets in while the API server is away", async () => {
  const { outcome } = createFixture([{ kind: "unavailable" }], { reviewRequired: true });
  assert.equal(await outcome(bearer()), "token_unconfirmed");
});

for (const change of [{ namespace: "other" }, { serviceAccount: "api" }, { podUid: "0000" }]) {
  test(`a review that names another caller is refused: ${JSON.stringify(change)}`, async () => {
    const { outcome } = createFixture([{ kind: "confirmed", caller: { ...caller, ...change } }]);
    assert.equal(await outcome(bearer()), "token_subject");
  });
}

test("a token without a pod is refused where tokens must be bound to one", async () => {
  const rules = () => ({ issuer: "me", audience: "remora", podBound: true });
  const { outcome } = createFixture([confirmed], { rules });
  assert.equal(await outcome(bearer(seconds(600), {})), "token_unbound");
  assert.equal(await outcome(bearer()), "web");
});
