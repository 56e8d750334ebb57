/**
 * Service-account tokens: JWTs (RFC 7519) that the API server, or the local mesh, signed for one pod. Everything that
 * RFC 8725 warns of is refused: the key decides the algorithm, and issuer, audience and expiry are never optional.
 */
import { verify } from "node:crypto";
import { type Millis, seconds } from "../core/duration.ts";
import type { TokenKeys } from "./jwks.ts";

/** Why a token proves nothing; stable words for logs and metrics. */
export type TokenRejection =
  | "token_missing"
  | "token_malformed"
  | "token_algorithm"
  | "token_unknown_key"
  | "token_signature"
  | "token_issuer"
  | "token_audience"
  | "token_expired"
  | "token_not_yet_valid"
  | "token_subject"
  | "token_unbound"
  | "token_revoked"
  | "token_unconfirmed";

export interface Caller {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** From the claims of a token that is bound to a pod. */
  readonly podName: string | undefined;
  readonly podUid: string | undefined;
}

export type TokenVerdict =
  | {
      readonly kind: "accepted";
      readonly caller: Caller;
      /** Wall time at which the token ends. */
      readonly notAfter: number;
    }
  | { readonly kind: "rejected"; readonly reason: TokenRejection };

export interface TokenRules {
  readonly issuer: string;
  readonly audience: string;
  /** Refuses tokens that are not bound to a pod: nothing ends them before their time. */
  readonly podBound?: boolean;
}

type Claims = Readonly<Record<string, unknown>>;

/** A bound token has about 1.2 KB; a header line of gRPC may have 8 KB. */
const maxTokenLength = 8_192;
/** For `nbf` only: a token is used within seconds of its making, on another machine's clock. Expiry has no grace. */
export const notBeforeSkew: Millis = seconds(30);

/** `now` is wall time in milliseconds. Pure. */
export function verifyToken(
  token: string,
  keys: TokenKeys,
  rules: TokenRules,
  now: number,
): TokenVerdict {
  if (token === "") return reject("token_missing");
  if (token.length > maxTokenLength) return reject("token_malformed");
  const parts = token.split(".");
  const [headerPart, claimsPart, signaturePart] = parts;
  if (headerPart === undefined || claimsPart === undefined || signaturePart === undefined) {
    return reject("token_malformed");
  }
  const header = parseObject(decodeBase64Url(headerPart));
  const signature = decodeBase64Url(signaturePart);
  // RFC 7515 4.1.11: an extension that we do not know, but must.
  if (parts.length !== 3 || header === undefined || header["crit"] !== undefined) {
    return reject("token_malformed");
  }
  const { alg, kid } = header;
  if (alg !== "ES256" && alg !== "RS256") return reject("token_algorithm");
  if (signature === undefined) return reject("token_malformed");
  const key = typeof kid === "string" ? keys.get(kid) : undefined;
  if (key === undefined) return reject("token_unknown_key");
  if (key.algorithm !== alg) return reject("token_algorithm");
  const signed = Buffer.from(token.slice(0, headerPart.length + 1 + claimsPart.length), "latin1");
  // ES256 signatures are r and s side by side (RFC 7518 3.4); the setting means nothing to RSA.
  const verifier = { key: key.key, dsaEncoding: "ieee-p1363" as const };
  if (!verify("sha256", signed, verifier, signature)) return reject("token_signature");
  const claims = parseObject(decodeBase64Url(claimsPart));
  return claims === undefined ? reject("token_malformed") : checkClaims(claims, rules, now);
}

function checkClaims(claims: Claims, rules: TokenRules, now: number): TokenVerdict {
  const { iss, aud, exp, nbf } = claims;
  if (iss !== rules.issuer) return reject("token_issuer");
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audiences.includes(rules.audience)) return reject("token_audience");
  if (typeof exp !== "number" || exp * 1_000 <= now) return reject("token_expired");
  if (nbf !== undefined && (typeof nbf !== "number" || nbf * 1_000 > now + notBeforeSkew)) {
    return reject("token_not_yet_valid");
  }
  const caller = readCaller(claims);
  if (caller === undefined) return reject("token_subject");
  if (rules.podBound === true && caller.podUid === undefined) return reject("token_unbound");
  return { kind: "accepted", caller, notAfter: exp * 1_000 };
}

/** Namespace and account of a service account's user name; Kubernetes names only. */
export function parseSubject(
  subject: unknown,
): Pick<Caller, "namespace" | "serviceAccount"> | undefined {
  const match = typeof subject === "string" ? subjectPattern.exec(subject) : null;
  const [, namespace, , serviceAccount] = match ?? [];
  if (namespace === undefined || serviceAccount === undefined) return undefined;
  return { namespace, serviceAccount };
}

/** RFC 1123 labels for namespaces, subdomains for service accounts. */
const subjectPattern =
  /^system:serviceaccount:([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?):([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)$/;

/** The claims beside the subject must name the same account, or two readers of one token would see two callers. */
function readCaller(claims: Claims): Caller | undefined {
  const subject = parseSubject(claims["sub"]);
  if (subject === undefined) return undefined;
  const { namespace, serviceAccount } = subject;
  const bound = asObject(claims["kubernetes.io"]);
  const pod = asObject(bound?.["pod"]);
  const account = asObject(bound?.["serviceaccount"]);
  if (bound !== undefined && bound["namespace"] !== namespace) return undefined;
  if (account !== undefined && account["name"] !== serviceAccount) return undefined;
  return {
    namespace,
    serviceAccount,
    podName: asText(pod?.["name"]),
    podUid: asText(pod?.["uid"]),
  };
}

/** Strict: no padding, no other alphabet, no stray bits, so that one token has one spelling. */
function decodeBase64Url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  return text !== "" && bytes.toString("base64url") === text ? bytes : undefined;
}

function parseObject(bytes: Buffer | undefined): Claims | undefined {
  if (bytes === undefined) return undefined;
  try {
    return asObject(JSON.parse(bytes.toString("utf8")));
  } catch {
    return undefined;
  }
}

function asObject(value: unknown): Claims | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Claims)
    : undefined;
}

function asText(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function reject(reason: TokenRejection): TokenVerdict {
  return { kind: "rejected", reason };
}
