/**
 * One replica of several acts: a Lease that its holder renews. Other replicas take it when its record has not changed
 * for its duration by their own clock, so clocks that differ do no harm; a holder that cannot renew stops well before.
 *
 *   waiting ──> the record is free, or stood still for `duration` ──> holding
 *   holding ──> no renewal for `renewWithin`, or another's name in the record ──> waiting
 */
import type { Clock } from "../core/clock.ts";
import { type Millis, seconds } from "../core/duration.ts";
import type { Log } from "../core/log.ts";
import { createWatch, type Watch } from "../core/watch.ts";
import type { KubernetesClient } from "./client.ts";
import { isConflict, isNotFound } from "./kubernetes-error.ts";
import type { OwnedMetadata } from "./owner.ts";

export interface LeaseOptions {
  readonly namespace: string;
  readonly name: string;
  /** Unique among the replicas: the pod's name, say. */
  readonly holder: string;
  readonly clock: Clock;
  readonly log: Log;
  /** What a Lease that is made here carries. */
  readonly metadata?: OwnedMetadata;
  readonly times?: Partial<LeaseTimes>;
}

export interface LeaseTimes {
  /** How long others wait after the last renewal; default 15 s, so that work stands still no longer than that. */
  readonly duration: Millis;
  /** The holder gives up when it could not renew for so long; default 10 s, well below `duration`. */
  readonly renewWithin: Millis;
  /** Between two looks; default 2 s. */
  readonly every: Millis;
}

export const defaultLeaseTimes: LeaseTimes = {
  duration: seconds(15),
  renewWithin: seconds(10),
  every: seconds(2),
};

export interface HeldLease extends Watch<boolean> {
  /** Stops, and gives the Lease back so that another replica need not wait. */
  close(): Promise<void>;
}

interface Lease {
  readonly apiVersion: "coordination.k8s.io/v1";
  readonly kind: "Lease";
  readonly metadata: Partial<OwnedMetadata> & {
    readonly name: string;
    readonly namespace: string;
    readonly resourceVersion?: string;
  };
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/** Tries at once and for ever. */
export function holdLease(client: KubernetesClient, options: LeaseOptions): HeldLease {
  const { clock, log, name } = options;
  const times = { ...defaultLeaseTimes, ...options.times };
  const holding = createWatch(false);
  const life = { closed: false };
  const seen = { record: "", at: clock.now() };
  let cancelTimer: () => void = () => {};
  let cancelDeadline: () => void = () => {};
  let round: Promise<void> = Promise.resolve();

  const set = (value: boolean): void => {
    if (value !== holding.current()) log.info({ lease: name }, value ? "leading" : "not leading");
    holding.set(value);
  };
  const renewed = (askedAt: Millis): void => {
    cancelDeadline();
    const left = (askedAt + times.renewWithin - clock.now()) as Millis;
    // An answer that came too late renewed nothing: others may hold the Lease by now.
    if (left <= 0 || life.closed) return set(false);
    cancelDeadline = clock.after(left, () => set(false));
    set(true);
  };
  const look = async (): Promise<void> => {
    const askedAt = clock.now();
    try {
      const lease = await readLease(client, options);
      const record = JSON.stringify([lease?.metadata.resourceVersion, lease?.spec]);
      if (record !== seen.record) Object.assign(seen, { record, at: clock.now() });
      const holder = lease?.spec?.holderIdentity ?? "";
      const duration = (lease?.spec?.leaseDurationSeconds ?? 0) * 1_000;
      const isOurs = holder === options.holder;
      if (!isOurs && holder !== "" && clock.now() - seen.at < duration) {
        cancelDeadline();
        return set(false);
      }
      if (life.closed) return;
      await writeLease(client, options, times, lease);
      renewed(askedAt);
    } catch (error) {
      // Another replica was faster. Any other failure: the deadline decides.
      if (!isConflict(error)) log.debug({ lease: name, err: error }, "lease not renewed");
    }
  };
  const go = (): void => {
    round = look().then(() => {
      if (!life.closed) cancelTimer = clock.after(times.every, go);
    });
  };
  go();
  return {
    current: () => holding.current(),
    subscribe: (listener) => holding.subscribe(listener),
    async close() {
      life.closed = true;
      cancelTimer();
      await round;
      cancelDeadline();
      const wasHolding = holding.current();
      // Nobody may take it while something here still acts.
      set(false);
      if (wasHolding) await release(client, options);
    },
  };
}

async function readLease(
  client: KubernetesClient,
  options: LeaseOptions,
): Promise<Lease | undefined> {
  try {
    return await client.request<Lease>({
      method: "GET",
      path: pathOf(options, options.name),
      timeout: requestTimeout,
    });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Below `renewWithin`, so that one answer that is lost does not cost the Lease. */
const requestTimeout = seconds(4);

async function writeLease(
  client: KubernetesClient,
  options: LeaseOptions,
  times: LeaseTimes,
  before: Lease | undefined,
): Promise<void> {
  const { namespace, name, holder, clock, metadata } = options;
  const now = microTime(clock);
  const same = before?.spec?.holderIdentity === holder;
  const lease: Lease = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: before?.metadata ?? { ...metadata, namespace, name },
    spec: {
      ...before?.spec,
      holderIdentity: holder,
      leaseDurationSeconds: Math.ceil(times.duration / 1_000),
      renewTime: now,
      ...(same
        ? {}
        : { acquireTime: now, leaseTransitions: (before?.spec?.leaseTransitions ?? -1) + 1 }),
    },
  };
  // The resourceVersion in the metadata makes the API server refuse a write over another's.
  const [method, path] =
    before === undefined
      ? (["POST", pathOf(options)] as const)
      : (["PUT", pathOf(options, name)] as const);
  await client.request({ method, path, body: lease, timeout: requestTimeout });
}

async function release(client: KubernetesClient, options: LeaseOptions): Promise<void> {
  try {
    const lease = await readLease(client, options);
    if (lease?.spec?.holderIdentity !== options.holder) return;
    const spec = { ...lease.spec, holderIdentity: "", renewTime: microTime(options.clock) };
    await client.request({
      method: "PUT",
      path: pathOf(options, options.name),
      body: { ...lease, spec },
      timeout: requestTimeout,
    });
  } catch (error) {
    options.log.debug({ lease: options.name, err: error }, "lease not given back");
  }
}

function pathOf({ namespace }: LeaseOptions, name?: string): string {
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  return name === undefined ? leases : `${leases}/${name}`;
}

function microTime(clock: Clock): string {
  return new Date(clock.wallTime()).toISOString().replace("Z", "000Z");
}
