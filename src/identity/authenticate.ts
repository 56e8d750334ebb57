/**
 * Who sends a request. The signature of its token is checked here first, which costs a tenth of a millisecond and turns
 * strangers away; then the API server is asked whether the token still stands, since only it knows that a pod is gone.
 */
import { createHash } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import { seconds } from "../core/duration.ts";
import type { TokenKeySource } from "./jwks.ts";
import {
  type Caller,
  type TokenRejection,
  type TokenRules,
  type TokenVerdict,
  verifyToken,
} from "./token.ts";

/** What the API server says of a token; `unavailable` when it says nothing. */
export type ReviewOutcome =
  | { readonly kind: "confirmed"; readonly caller: Caller }
  | { readonly kind: "denied" }
  | { readonly kind: "unavailable" };

export type ReviewToken = (token: string) => Promise<ReviewOutcome>;

export interface AuthenticatorOptions {
  readonly keys: TokenKeySource;
  /** Of the moment: an API server may get another issuer. */
  readonly rules: () => TokenRules;
  /** Undefined where there is no API server: the signature alone decides. */
  readonly review: ReviewToken | undefined;
  /** Refuses when the API server does not answer; otherwise the signature decides meanwhile. */
  readonly reviewRequired: boolean;
  readonly clock: Clock;
  /** A token was taken, or refused, without the API server's word. */
  readonly onUnconfirmed: () => void;
}

/** `authorization` holds the values of the header; more than one is refused. */
export type Authenticate = (authorization: readonly string[]) => Promise<TokenVerdict>;

/** A caller that tries again at once costs no second review; a pod that is deleted keeps its right for so long. */
const confirmedFor = seconds(10);
/** About 100 bytes each. Pods ask once per certificate, so a full table is a storm of retries. */
const maxConfirmed = 10_000;

export function createAuthenticator(options: AuthenticatorOptions): Authenticate {
  const { keys, rules, review, clock } = options;
  const confirmed = createConfirmedTokens(clock);
  return async (authorization) => {
    const token = readBearer(authorization);
    if (typeof token !== "string") return reject(token.reason);
    const signed = await checkSignature(token, keys, rules, clock);
    if (signed.kind === "rejected" || review === undefined) return signed;
    if (confirmed.has(token)) return signed;
    const outcome = await review(token);
    if (outcome.kind === "denied") return reject("token_revoked");
    if (outcome.kind === "unavailable") {
      options.onUnconfirmed();
      return options.reviewRequired ? reject("token_unconfirmed") : signed;
    }
    // Two readers of one token must see one caller.
    if (!isSameCaller(signed.caller, outcome.caller)) return reject("token_subject");
    confirmed.add(token, signed.notAfter);
    return signed;
  };
}

function readBearer(
  authorization: readonly string[],
): string | { readonly reason: TokenRejection } {
  const [header] = authorization;
  if (header === undefined) return { reason: "token_missing" };
  const token = /^bearer ([^ ]+)$/i.exec(header)?.[1];
  return authorization.length > 1 || token === undefined ? { reason: "token_malformed" } : token;
}

async function checkSignature(
  token: string,
  keys: TokenKeySource,
  rules: () => TokenRules,
  clock: Clock,
): Promise<TokenVerdict> {
  const verdict = verifyToken(token, keys.current(), rules(), clock.wallTime());
  if (verdict.kind === "accepted" || verdict.reason !== "token_unknown_key") return verdict;
  // The signer may have rotated since the keys were read.
  await keys.refresh();
  return verifyToken(token, keys.current(), rules(), clock.wallTime());
}

function isSameCaller(signed: Caller, reviewed: Caller): boolean {
  return (
    signed.namespace === reviewed.namespace &&
    signed.serviceAccount === reviewed.serviceAccount &&
    signed.podUid === reviewed.podUid
  );
}

interface ConfirmedTokens {
  has(token: string): boolean;
  add(token: string, notAfter: number): void;
}

/** Holds hashes, so that a dump of memory gives no tokens; the oldest go first. */
function createConfirmedTokens(clock: Clock): ConfirmedTokens {
  const ends = new Map<string, number>();
  return {
    has(token) {
      const end = ends.get(hash(token));
      return end !== undefined && end > clock.now();
    },
    add(token, notAfter) {
      for (const [key, end] of ends) {
        if (end > clock.now() && ends.size < maxConfirmed) break;
        ends.delete(key);
      }
      const left = Math.min(confirmedFor, notAfter - clock.wallTime());
      const key = hash(token);
      // Removed first, so that the table stays in the order of its entries' ends.
      ends.delete(key);
      ends.set(key, clock.now() + left);
    },
  };
}

function hash(token: string): string {
  return createHash("sha256").update(token).digest("base64");
}

function reject(reason: TokenRejection): TokenVerdict {
  return { kind: "rejected", reason };
}
