/** All that identity has to do with the API server: the authority's Secret, tokens, and the Lease by which one leads. */
import { backoffDelay } from "../../core/backoff.ts";
import type { Clock } from "../../core/clock.ts";
import { millis, seconds } from "../../core/duration.ts";
import type { Log } from "../../core/log.ts";
import { createWatch, type Watch } from "../../core/watch.ts";
import { createKubernetesClient, type KubernetesClient } from "../../kubernetes/client.ts";
import { type HeldLease, holdLease } from "../../kubernetes/lease.ts";
import { type OwnedMetadata, readOwnedMetadata } from "../../kubernetes/owner.ts";
import type { ReviewToken } from "../authenticate.ts";
import type { Authority } from "../authority.ts";
import type { IdentityConfig } from "../config.ts";
import type { IdentityMetrics } from "../metrics.ts";
import { type FollowedIssuer, followIssuer } from "./follow-issuer.ts";
import { type Leader, startLeader } from "./leader.ts";
import { followServerKeys, type ServerKeys } from "./server-keys.ts";
import { createTokenReview } from "./token-review.ts";

export interface ClusterSide {
  readonly review: ReviewToken;
  /** Takes part in leading, and resolves when there is an authority. */
  authority(): Promise<{ readonly authority: Watch<Authority>; readonly stop: () => void }>;
  keys(): Promise<ServerKeys>;
  /** Gives the Lease back. */
  close(): Promise<void>;
}

interface Platform {
  readonly clock: Clock;
  readonly log: Log;
}

/** Also the name of the ClusterRole that owns what is created. */
const programName = "remora-identity";
const ownerRetry = { base: millis(250), max: seconds(5) };

/** Throws when there is no API server to be found; waits for one that does not answer. */
export function openClusterSide(
  config: IdentityConfig,
  { clock, log }: Platform,
  metrics: IdentityMetrics,
): ClusterSide {
  const { kubeconfig, tokenAudience: audience } = config;
  const client = createKubernetesClient(kubeconfig === undefined ? {} : { kubeconfig });
  const leading = createLeading(config, { client, clock, log, metrics });
  return {
    review: createTokenReview({ client, audience, clock, log, onReview: metrics.reviewed }),
    async authority() {
      const issuer = followIssuer({
        client,
        namespace: config.namespace,
        trustDomain: config.trustDomain,
        newRootDelay: config.issuerMode === "given" ? config.newRootDelay : millis(0),
        clock,
        log,
      });
      void leading.begin(issuer);
      return { authority: await whenPresent(issuer), stop: () => issuer.close() };
    },
    keys: async () => await followServerKeys(client, clock, log),
    async close() {
      await leading.close();
      client.close();
    },
  };
}

interface Parts extends Platform {
  readonly client: KubernetesClient;
  readonly metrics: IdentityMetrics;
}

/** While the Lease is ours there is a leader in this process, and none otherwise. */
function createLeading(config: IdentityConfig, parts: Parts) {
  const { client, clock, log, metrics } = parts;
  const life = { closed: false };
  let lease: HeldLease | undefined;
  let leader: Leader | undefined;
  return {
    async begin(issuer: FollowedIssuer): Promise<void> {
      const owned = await readOwner(parts, life);
      if (owned === undefined) return;
      const { namespace, podName: holder } = config;
      lease = holdLease(client, {
        namespace,
        name: programName,
        holder,
        clock,
        log,
        metadata: owned,
      });
      const follow = (leads: boolean): void => {
        metrics.setLeading(leads);
        if (leads) leader ??= lead(config, parts, issuer, owned);
        else {
          void leader?.close();
          leader = undefined;
        }
      };
      follow(lease.current());
      lease.subscribe(follow);
    },
    async close(): Promise<void> {
      life.closed = true;
      await leader?.close();
      leader = undefined;
      await lease?.close();
    },
  };
}

async function readOwner(
  { client, clock, log }: Parts,
  life: { readonly closed: boolean },
): Promise<OwnedMetadata | undefined> {
  for (let attempt = 0; !life.closed; attempt += 1) {
    try {
      return await readOwnedMetadata(client, programName);
    } catch (error) {
      log.warn({ err: error }, "waiting for the API server");
      const { promise, resolve } = Promise.withResolvers<void>();
      clock.after(backoffDelay(ownerRetry, attempt), resolve);
      await promise;
    }
  }
  return undefined;
}

function lead(
  config: IdentityConfig,
  { client, clock, log, metrics }: Parts,
  issuer: FollowedIssuer,
  owned: OwnedMetadata,
): Leader {
  return startLeader({
    client,
    namespace: config.namespace,
    name: config.podName,
    trustDomain: config.trustDomain,
    owned,
    issuer,
    ownIssuer: config.issuerMode === "own",
    rootLifetime: config.rootLifetime,
    issuerLifetime: config.issuerLifetime,
    leafLifetime: config.leafLifetime,
    newRootDelay: config.newRootDelay,
    clock,
    log,
    ownEnds: metrics.latestEnds,
    onStatus: metrics.setStatus,
    onBundleWrite: metrics.bundleWritten,
  });
}

async function whenPresent(issuer: FollowedIssuer): Promise<Watch<Authority>> {
  const { promise, resolve } = Promise.withResolvers<Watch<Authority>>();
  const first = issuer.current();
  let source = first === undefined ? undefined : createWatch(first.authority);
  if (source !== undefined) resolve(source);
  issuer.subscribe((held) => {
    if (held === undefined) return;
    if (source === undefined) {
      source = createWatch(held.authority);
      resolve(source);
    } else source.set(held.authority);
  });
  return await promise;
}
