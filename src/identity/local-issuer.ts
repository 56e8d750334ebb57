/**
 * Signs service-account tokens where there is no API server: the local mesh and tests. The tokens have the claims of
 * Kubernetes' bound tokens, so the identity service treats both alike.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign,
} from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Millis } from "../core/duration.ts";

export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly podName?: string;
  readonly podUid?: string;
  readonly audience: string;
  readonly lifetime: Millis;
}

export interface TokenSigner {
  /** The `iss` of its tokens. */
  readonly issuer: string;
  /** The JWK Set to hand to the identity service. */
  readonly jwksFile: string;
  sign(request: TokenRequest): string;
}

export const localTokenIssuer = "https://local.remora.dev";

/** Loads the signing key from the directory, or makes one there with private permissions. */
export function createTokenSigner(
  directory: string,
  wallTime: () => number = Date.now,
): TokenSigner {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const keyFile = join(directory, "token-key.pem");
  if (!existsSync(keyFile)) writeWhole(keyFile, generateKeyPem(), 0o600);
  const privateKey = createPrivateKey(readFileSync(keyFile));
  const publicKey = createPublicKey(privateKey);
  const kid = createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("base64url");
  const jwksFile = join(directory, "jwks.json");
  const jwk = { ...publicKey.export({ format: "jwk" }), kid, use: "sig", alg: "ES256" };
  writeWhole(jwksFile, `${JSON.stringify({ keys: [jwk] }, null, 2)}\n`, 0o644);
  return {
    issuer: localTokenIssuer,
    jwksFile,
    sign: (request) => {
      const claims = createClaims(request, localTokenIssuer, wallTime());
      return signJwt({ alg: "ES256", kid }, claims, privateKey);
    },
  };
}

/** A compact JWS (RFC 7515 3.1); the header's `alg` must fit the key, ES256 for a P-256 key. */
export function signJwt(
  header: Readonly<Record<string, unknown>>,
  claims: Readonly<Record<string, unknown>>,
  key: KeyObject,
): string {
  const signed = `${encodeJson(header)}.${encodeJson(claims)}`;
  const signature = sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}

/** The claims that Kubernetes gives to a token bound to a pod. */
export function createClaims(
  request: TokenRequest,
  issuer: string,
  now: number,
): Readonly<Record<string, unknown>> {
  const { namespace, serviceAccount, podName, podUid } = request;
  const issuedAt = Math.floor(now / 1_000);
  const pod = podName === undefined ? {} : { pod: { name: podName, uid: podUid ?? "" } };
  return {
    aud: [request.audience],
    exp: issuedAt + Math.ceil(request.lifetime / 1_000),
    iat: issuedAt,
    nbf: issuedAt,
    iss: issuer,
    jti: randomUUID(),
    sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
    "kubernetes.io": { namespace, ...pod, serviceaccount: { name: serviceAccount } },
  };
}

function generateKeyPem(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" });
}

function writeWhole(file: string, text: string, mode: number): void {
  const draft = `${file}.${process.pid}.new`;
  writeFileSync(draft, text, { mode });
  renameSync(draft, file);
}

function encodeJson(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
