/** The keys that the API server signs service-account tokens with, and the issuer it names itself, as of now. */
import { backoffDelay } from "../../core/backoff.ts";
import type { Clock } from "../../core/clock.ts";
import { type Millis, millis, seconds } from "../../core/duration.ts";
import type { Log } from "../../core/log.ts";
import type { KubernetesClient } from "../../kubernetes/client.ts";
import { readJwks, refreshGap, type TokenKeySource, type TokenKeys } from "../jwks.ts";

export interface ServerKeys extends TokenKeySource {
  /** The `iss` of the tokens that it makes now. */
  issuer(): string;
  /** Since the keys were last read. */
  age(): Millis;
}

interface Read {
  readonly keys: TokenKeys;
  readonly issuer: string;
}

/** How long a key that was withdrawn may still be honoured; an unknown one is looked for at once. */
const readInterval = seconds(60);
const readTimeout = seconds(5);
/** The first try is often made while an API server starts too. */
const firstRetry = { base: millis(250), max: seconds(5) };

/** Resolves when the API server has told its keys, however long that takes; the last good ones stay from then on. */
export async function followServerKeys(
  client: Pick<KubernetesClient, "request">,
  clock: Clock,
  log: Log,
): Promise<ServerKeys> {
  let held = await readUntilGood(client, clock, log);
  let readAt = clock.now();
  let triedAt = readAt;
  let reading: Promise<void> | undefined;
  const read = async (): Promise<void> => {
    triedAt = clock.now();
    try {
      held = await readKeys(client);
      readAt = clock.now();
    } catch (error) {
      log.warn({ err: error }, "token keys not read, the last good ones stay");
    }
  };
  /** Callers that come while it is read wait for the same answer. */
  const readOnce = (): Promise<void> => {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  };
  let closed = false;
  let stop = clock.after(readInterval, poll);
  function poll(): void {
    void readOnce().then(() => {
      if (!closed) stop = clock.after(readInterval, poll);
    });
  }
  return {
    current: () => held.keys,
    issuer: () => held.issuer,
    age: () => (clock.now() - readAt) as Millis,
    refresh: async () => {
      if (reading !== undefined || clock.now() - triedAt >= refreshGap) await readOnce();
    },
    close() {
      closed = true;
      stop();
    },
  };
}

async function readUntilGood(
  client: Pick<KubernetesClient, "request">,
  clock: Clock,
  log: Log,
): Promise<Read> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const read = await readKeys(client);
      log.info({ keys: read.keys.size, issuer: read.issuer }, "token keys read");
      return read;
    } catch (error) {
      log.warn({ err: error }, "token keys not read");
      const { promise, resolve } = Promise.withResolvers<void>();
      clock.after(backoffDelay(firstRetry, attempt), resolve);
      await promise;
    }
  }
}

async function readKeys(client: Pick<KubernetesClient, "request">): Promise<Read> {
  const get = async (path: string, accept: string): Promise<unknown> =>
    await client.request({ method: "GET", path, accept, timeout: readTimeout });
  const [discovery, jwks] = await Promise.all([
    get("/.well-known/openid-configuration", "application/json"),
    get("/openid/v1/jwks", "application/jwk-set+json"),
  ]);
  const { issuer } = discovery as { readonly issuer?: unknown };
  if (typeof issuer !== "string") throw new Error("the API server names no token issuer");
  return { keys: readJwks(jwks), issuer };
}
