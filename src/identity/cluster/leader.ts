/**
 * What one replica does for all: makes the authority, renews it, replaces its root, and publishes the trust bundle. All
 * that it knows it reads from the cluster at every round, so another can go on where it stopped.
 */
import type { Clock } from "../../core/clock.ts";
import { type Millis, seconds } from "../../core/duration.ts";
import type { Log } from "../../core/log.ts";
import type { KubernetesClient } from "../../kubernetes/client.ts";
import { isConflict } from "../../kubernetes/kubernetes-error.ts";
import type { OwnedMetadata } from "../../kubernetes/owner.ts";
import { parseAuthority } from "../authority-pem.ts";
import { type AuthorityStatus, authorityMap, readRequest, readState } from "./authority-status.ts";
import {
  createIssuer,
  createNext,
  findNext,
  type JoinedRoots,
  joinRoots,
  renewIssuer,
  retireRoot,
  type StepContext,
  switchIssuer,
} from "./authority-steps.ts";
import { type BundlePublisher, startBundlePublisher } from "./bundle-publisher.ts";
import { describeAuthority } from "./describe-authority.ts";
import type { FollowedIssuer } from "./follow-issuer.ts";
import { issuerSecret, type NextAuthority, nextSecret, readIssuer } from "./issuer-secret.ts";
import { type KeptRoot, keepRoots } from "./kept-roots.ts";
import { nextRotation, type RotationState, recordEnds } from "./rotation.ts";
import { createStoredObjects, type StoredObject, type StoredObjects } from "./stored-objects.ts";
import { createSurveyor, type Survey, type Surveyor } from "./survey.ts";

export interface LeaderOptions {
  readonly client: KubernetesClient;
  readonly namespace: string;
  /** Of this replica. */
  readonly name: string;
  readonly trustDomain: string;
  readonly owned: OwnedMetadata;
  readonly issuer: FollowedIssuer;
  /** False when somebody else makes, renews and replaces it, such as cert-manager. */
  readonly ownIssuer: boolean;
  readonly rootLifetime: Millis;
  readonly issuerLifetime: Millis;
  readonly leafLifetime: Millis;
  readonly newRootDelay: Millis;
  readonly clock: Clock;
  readonly log: Log;
  /** When the last leaves of this replica's issuers end. */
  readonly ownEnds: () => Readonly<Record<string, number>>;
  readonly onStatus: (status: AuthorityStatus | undefined) => void;
  readonly onBundleWrite: (result: "ok" | "failed") => void;
}

export interface Leader {
  /** Resolves when nothing is under way any more. */
  close(): Promise<void>;
}

/** Three small reads at each. */
const roundInterval = seconds(2);
const rotatingInterval = seconds(1);
/** Without a rotation, so that a status is never much older. */
const surveyInterval = seconds(60);
/** A status that says nothing new is written again after so long, as a sign of life. */
const statusInterval = seconds(60);
/** A survey of many pods takes its time; it may take a quarter of a rotation's, and little of a quiet leader's. */
const rotatingShare = 4;
const quietShare = 20;

export function startLeader(options: LeaderOptions): Leader {
  const leader = new ActingLeader(options);
  leader.start();
  return leader;
}

class ActingLeader implements Leader {
  readonly #options: LeaderOptions;
  readonly #stored: StoredObjects;
  readonly #steps: StepContext;
  readonly #publisher: BundlePublisher;
  readonly #surveyor: Surveyor;
  #survey: { readonly of: string; readonly result: Survey; readonly nextAt: number } | undefined;
  #statusWritten = { text: "", at: Number.NEGATIVE_INFINITY };
  #stopTimer: () => void = () => {};
  #round: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: LeaderOptions) {
    this.#options = options;
    const { client, namespace, owned, clock, log, trustDomain } = options;
    this.#stored = createStoredObjects(client, namespace, owned);
    const { rootLifetime, issuerLifetime } = options;
    this.#steps = { stored: this.#stored, trustDomain, rootLifetime, issuerLifetime };
    this.#surveyor = createSurveyor({ client, namespace });
    const onWrite = options.onBundleWrite;
    this.#publisher = startBundlePublisher({
      client,
      ownNamespace: namespace,
      owned,
      clock,
      log,
      onWrite,
    });
  }

  start(): void {
    this.#round = this.#act().then((wait) => {
      if (!this.#closed) this.#stopTimer = this.#options.clock.after(wait, () => this.start());
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopTimer();
    this.#publisher.close();
    await this.#round;
    this.#options.onStatus(undefined);
  }

  /** One round; gives the time until the next. */
  async #act(): Promise<Millis> {
    try {
      return await this.#actOnce();
    } catch (error) {
      // Another was faster, or the cluster is away: the next round reads everything again.
      const level = isConflict(error) ? "debug" : "warn";
      this.#options.log[level]({ err: error }, "round of the leader not finished");
      return roundInterval;
    }
  }

  async #actOnce(): Promise<Millis> {
    const { issuer, ownIssuer, clock, log } = this.#options;
    const secret = await this.#stored.read("secrets", issuerSecret);
    if (this.#closed) return roundInterval;
    if (secret === undefined) {
      if (!ownIssuer) {
        log.warn({ secret: issuerSecret }, "waiting for the issuer that is to be given");
        return roundInterval;
      }
      await createIssuer(this.#steps, issuer.current()?.pem, clock.wallTime());
      return rotatingInterval;
    }
    const map = await this.#readMap();
    const state = readState(map);
    const next = state.phase === "idle" ? undefined : await this.#prepareNext(state);
    const kept = this.#keep(map, secret, state);
    const bundle = joinRoots([
      readIssuer(secret).rootsPem,
      ...(next === undefined ? [] : [next.issuer.rootsPem]),
      ...kept.map(({ pem }) => pem),
    ]);
    this.#publisher.set(bundle.pem);
    const survey = await this.#look(bundle, state);
    const after = await this.#step({ state, secret, next, map, bundle, survey });
    if (this.#closed) return roundInterval;
    await this.#write(map, { state: after, secret, next, kept, bundle, survey });
    if (after.phase !== state.phase) log.info({ phase: after.phase }, "rotation of the root");
    return after.phase === "idle" ? roundInterval : rotatingInterval;
  }

  async #readMap(): Promise<StoredObject> {
    for (;;) {
      const map = await this.#stored.read("configmaps", authorityMap);
      if (map !== undefined) return map;
      await this.#stored.create("configmaps", { metadata: { name: authorityMap } });
    }
  }

  /** Made anew when somebody has deleted it before it was used; later it cannot be replaced. */
  async #prepareNext(state: RotationState): Promise<NextAuthority | undefined> {
    const next = await findNext(this.#stored);
    if (next !== undefined || state.phase !== "publishing") return next;
    await createNext(this.#steps, this.#options.clock.wallTime());
    return await findNext(this.#stored);
  }

  #keep(map: StoredObject, secret: StoredObject, state: RotationState): readonly KeptRoot[] {
    const { ownIssuer, clock, leafLifetime, newRootDelay } = this.#options;
    if (ownIssuer) return [];
    const now = clock.wallTime();
    const ends = Object.values(state.latestEnds);
    const until = newRootDelay + Math.max(now + leafLifetime, ...ends);
    const kept = JSON.parse(map.data?.["kept"] ?? "[]") as readonly KeptRoot[];
    const given = readIssuer(secret).rootsPem;
    return keepRoots(kept, map.data?.["ca.pem"] ?? "", given, { now, until });
  }

  async #look(bundle: JoinedRoots, state: RotationState): Promise<Survey> {
    const { clock } = this.#options;
    const last = this.#survey;
    const of = `${state.phase} ${bundle.hash}`;
    if (last !== undefined && last.of === of && clock.now() < last.nextAt) return last.result;
    const begin = clock.now();
    const result = await this.#surveyor.survey(bundle.hash);
    const took = clock.now() - begin;
    const pause =
      state.phase === "idle"
        ? Math.max(surveyInterval, took * quietShare)
        : Math.max(rotatingInterval, took * rotatingShare);
    // A quiet mesh in which not all have the newest bundle is looked at more often, so that a status is true.
    const hurry =
      result.laggards.length > 0 ? Math.min(pause, 5 * roundInterval + took * 4) : pause;
    this.#survey = { of, result, nextAt: clock.now() + hurry };
    return result;
  }

  async #step(round: Round): Promise<RotationState> {
    const { clock, ownIssuer, leafLifetime, trustDomain, issuer, ownEnds } = this.#options;
    const { state, secret, next, map, survey } = round;
    const now = clock.wallTime();
    const current = parseAuthority(readIssuer(secret), trustDomain);
    const ends = recordEnds(recordEnds(state, survey.latestEnds, now), ownEnds(), now);
    const after = nextRotation(ends, {
      now,
      request: readRequest(map),
      canRotate: ownIssuer,
      issuer: current.id,
      allKnowNewRoot:
        next !== undefined &&
        survey.laggards.length === 0 &&
        this.#publisher.progress().pending === 0,
      allIssueUnderNewRoot:
        next !== undefined &&
        current.root === joinRoots([next.issuer.rootsPem]).roots[0]?.fingerprint &&
        issuer.current()?.authority.id === current.id &&
        survey.replicas.every((replica) => replica.issuer === current.id),
      leafLifetime,
    });
    if (this.#closed) return after;
    if (state.phase === "idle" && after.phase === "publishing") {
      // What an earlier rotation may have left behind is nobody's.
      await this.#stored.remove("secrets", nextSecret);
    }
    if (state.phase === "switching" && next !== undefined) await this.#switch(secret, next);
    if (state.phase === "retiring" && after.phase === "idle" && next !== undefined) {
      await retireRoot(this.#steps, secret, next);
    }
    if (state.phase === "idle" && after.phase === "idle" && ownIssuer) await this.#renew(secret);
    return after;
  }

  async #switch(secret: StoredObject, next: NextAuthority): Promise<void> {
    if (readIssuer(secret).chainPem === next.issuer.chainPem) return;
    await switchIssuer(this.#steps, secret, next);
  }

  async #renew(secret: StoredObject): Promise<void> {
    const now = this.#options.clock.wallTime();
    if (await renewIssuer(this.#steps, secret, now)) this.#options.log.info("issuer renewed");
  }

  async #write(map: StoredObject, round: Omit<Round, "map"> & { kept: readonly KeptRoot[] }) {
    const { clock, name, ownIssuer, issuer, onStatus } = this.#options;
    const { state, bundle, survey, kept, secret, next } = round;
    const status = describeAuthority({
      now: clock.wallTime(),
      leader: name,
      ownIssuer,
      problem: issuer.problem(),
      state,
      refused: !ownIssuer && readRequest(map)?.id === state.handled && state.handled !== "",
      bundle,
      issuer: parseAuthority(readIssuer(secret), this.#options.trustDomain),
      nextRoots: next === undefined ? "" : next.issuer.rootsPem,
      progress: this.#publisher.progress(),
      survey,
    });
    onStatus(status);
    const text = JSON.stringify([{ ...status, at: "" }, state, kept, bundle.hash]);
    const isOld = clock.now() - this.#statusWritten.at >= statusInterval;
    if (text === this.#statusWritten.text && !isOld) return;
    await this.#stored.replace("configmaps", {
      ...map,
      data: {
        state: JSON.stringify(state),
        status: JSON.stringify(status),
        "ca.pem": bundle.pem,
        ...(kept.length > 0 ? { kept: JSON.stringify(kept) } : {}),
      },
    });
    this.#statusWritten = { text, at: clock.now() };
    // Only now: a leader that dies before finds the state in which it is still needed.
    if (state.phase === "idle" && next !== undefined) {
      await this.#stored.remove("secrets", nextSecret);
    }
  }
}

interface Round {
  readonly state: RotationState;
  readonly secret: StoredObject;
  readonly next: NextAuthority | undefined;
  readonly map: StoredObject;
  readonly bundle: JoinedRoots;
  readonly survey: Survey;
}
