/** The authority as the Secret `remora-issuer` has it, swapped under running connections when it changes. */
import type { Clock } from "../../core/clock.ts";
import type { Millis } from "../../core/duration.ts";
import type { Log } from "../../core/log.ts";
import { createWatch, type Watch } from "../../core/watch.ts";
import type { KubernetesClient } from "../../kubernetes/client.ts";
import { watchKind } from "../../kubernetes/watch-kind.ts";
import type { Authority } from "../authority.ts";
import { type AuthorityPem, parseAuthority } from "../authority-pem.ts";
import { issuerSecret, readIssuer } from "./issuer-secret.ts";
import type { StoredObject } from "./stored-objects.ts";

export interface HeldIssuer {
  readonly authority: Authority;
  /** As the Secret has it. */
  readonly pem: AuthorityPem;
}

export interface FollowedIssuer extends Watch<HeldIssuer | undefined> {
  /** Why the newest content of the Secret is not in use; undefined when it is, or will be soon. */
  problem(): string | undefined;
  close(): void;
}

export interface FollowIssuerOptions {
  readonly client: KubernetesClient;
  readonly namespace: string;
  readonly trustDomain: string;
  /**
   * How long an issuer under a root that was not there before waits for its turn, so that pods learn of the root first.
   * Zero where the leader has seen to that already.
   */
  readonly newRootDelay: Millis;
  readonly clock: Clock;
  readonly log: Log;
}

/** What ends sooner cannot wait until pods know its successor. */
const reserve = 10_000;

/** Undefined until the Secret is there; bad content and a Secret that is gone leave the last good one in use. */
export function followIssuer(options: FollowIssuerOptions): FollowedIssuer {
  const { client, namespace, trustDomain, clock, log } = options;
  const held = createWatch<HeldIssuer | undefined>(undefined);
  let problem: string | undefined;
  let stopWaiting: () => void = () => {};
  const use = (next: HeldIssuer): void => {
    const { id, notAfter } = next.authority;
    log.info({ issuer: id, notAfter: new Date(notAfter).toISOString() }, "certificate authority");
    held.set(next);
  };
  const take = (secret: SecretData | undefined): void => {
    stopWaiting();
    try {
      const next = secret === undefined ? undefined : openIssuer(secret, trustDomain);
      problem = next === undefined ? "the Secret is gone" : undefined;
      if (next === undefined) {
        if (held.current() !== undefined) log.error({ secret: issuerSecret }, "issuer is gone");
        return;
      }
      const wait = waitingTime(held.current()?.authority, next.authority, options);
      if (wait <= 0) return use(next);
      log.info({ issuer: next.authority.id, wait }, "issuer waits until pods know its root");
      stopWaiting = clock.after(wait as Millis, () => use(next));
    } catch (error) {
      problem = (error as Error).message;
      log.error(
        { secret: issuerSecret, reason: problem },
        "issuer refused, the last good one stays",
      );
    }
  };
  const watch = watchKind<SecretData>(
    client,
    {
      path: `/api/v1/namespaces/${namespace}/secrets`,
      fieldSelector: `metadata.name=${issuerSecret}`,
    },
    { clock, log, trim: (raw) => ({ data: (raw["data"] ?? {}) as SecretData["data"] & object }) },
  );
  watch.onDelta((delta) => take(delta.get(`${namespace}/${issuerSecret}`)));
  return {
    current: () => held.current(),
    subscribe: (listener) => held.subscribe(listener),
    problem: () => problem,
    close() {
      stopWaiting();
      watch.close();
    },
  };
}

type SecretData = Pick<StoredObject, "data">;

function openIssuer(secret: SecretData, trustDomain: string): HeldIssuer {
  const pem = readIssuer(secret);
  return { pem, authority: parseAuthority(pem, trustDomain) };
}

function waitingTime(
  before: Authority | undefined,
  next: Authority,
  { newRootDelay, clock }: FollowIssuerOptions,
): number {
  if (before === undefined || next.root === before.root || before.roots.includes(next.root))
    return 0;
  return Math.min(newRootDelay, before.notAfter - reserve - clock.wallTime());
}
