/** The public keys that service-account tokens are checked with: a JWK Set (RFC 7517) in a file that changes on rotation. */
import { createPublicKey, type KeyObject, type webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Clock } from "../core/clock.ts";
import { type Millis, seconds } from "../core/duration.ts";
import type { Log } from "../core/log.ts";

export type TokenAlgorithm = "ES256" | "RS256";

export interface TokenKey {
  /** The one algorithm this key may be used with, so that a token cannot choose (RFC 8725 3.1). */
  readonly algorithm: TokenAlgorithm;
  readonly key: KeyObject;
}

export type TokenKeys = ReadonlyMap<string, TokenKey>;

/** The newest good keys of where they come from. */
export interface TokenKeySource {
  current(): TokenKeys;
  /** Looks again, at most once a second: whoever sends unknown key ids must not make us look for each. */
  refresh(): Promise<void>;
  close(): void;
}

export const refreshGap: Millis = seconds(1);
/** How long a key that was taken out of the file may still be honoured. */
const pollInterval = seconds(10);

/** Throws when the file cannot be read now; later failures are logged and the last good keys stay. */
export function openKeyFile(file: string, clock: Clock, log: Log): TokenKeySource {
  let text = readFileSync(file, "utf8");
  let keys = parseJwks(text);
  let lastRead: Millis = clock.now();
  const read = (): void => {
    lastRead = clock.now();
    try {
      const next = readFileSync(file, "utf8");
      if (next === text) return;
      keys = parseJwks(next);
      text = next;
      log.info({ file, keys: keys.size }, "token keys reloaded");
    } catch (error) {
      log.warn({ file, err: error }, "token keys not reloaded, the last good ones stay");
    }
  };
  let stop = clock.after(pollInterval, poll);
  function poll(): void {
    read();
    stop = clock.after(pollInterval, poll);
  }
  return {
    current: () => keys,
    refresh: async () => {
      if (clock.now() - lastRead >= refreshGap) read();
    },
    close: () => stop(),
  };
}

/** Keys of other kinds and uses are passed over; throws when nothing usable is left. */
export function parseJwks(text: string): TokenKeys {
  return readJwks(JSON.parse(text));
}

/** The same for a set that is JSON no more. */
export function readJwks(set: unknown): TokenKeys {
  const list = isObject(set) ? set["keys"] : undefined;
  if (!Array.isArray(list)) throw new TypeError("not a JWK Set: no array named keys");
  const keys = new Map<string, TokenKey>();
  for (const entry of list as readonly unknown[]) {
    if (!isObject(entry) || typeof entry["kid"] !== "string") continue;
    const key = importKey(entry);
    if (key !== undefined && !keys.has(entry["kid"])) keys.set(entry["kid"], key);
  }
  if (keys.size === 0) throw new TypeError("no ES256 or RS256 key with a kid in the JWK Set");
  return keys;
}

function importKey(jwk: Readonly<Record<string, unknown>>): TokenKey | undefined {
  const { kty, crv, x, y, n, e, use, alg } = jwk;
  if (use !== undefined && use !== "sig") return undefined;
  // Only the public members are taken: a set that leaks a private key must not lend it to us.
  if (kty === "EC" && crv === "P-256" && (alg === undefined || alg === "ES256")) {
    return { algorithm: "ES256", key: importJwk({ kty, crv, x, y } as webcrypto.JsonWebKey) };
  }
  if (kty === "RSA" && (alg === undefined || alg === "RS256")) {
    const key = importJwk({ kty, n, e } as webcrypto.JsonWebKey);
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    return bits >= 2048 && bits <= 8192 ? { algorithm: "RS256", key } : undefined;
  }
  return undefined;
}

function importJwk(jwk: webcrypto.JsonWebKey): KeyObject {
  return createPublicKey({ key: jwk, format: "jwk" });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
