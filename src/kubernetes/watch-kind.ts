/**
 * All objects of one kind, followed: a list, then a watch from where the list ended. What was good stays until the API
 * server says otherwise.
 *
 *   list ──> watch ──┬─ ends in order, breaks, falls silent ──> watch again from the last version seen
 *    ^               └─ 410: that version is forgotten ───────> list again
 *    └── 429, 5xx, no answer: wait, longer each time or as long as the API server asks
 */
import { type BackoffConfig, backoffDelay } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import { type Millis, millis, seconds } from "../core/duration.ts";
import type { Log } from "../core/log.ts";
import type { Watch } from "../core/watch.ts";
import type { KubernetesClient } from "./client.ts";
import { type Delta, KindState } from "./kind-state.ts";
import { KubernetesError } from "./kubernetes-error.ts";
import type { RawEvent, RawList, RawObject } from "./raw-object.ts";

export interface Kind {
  /** Such as `/api/v1/pods`, or `/apis/policy.remora.dev/v1alpha1/meshpolicies`. */
  readonly path: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Only `metadata` is sent: a twentieth of the bytes for kinds that are looked at for their labels. */
  readonly metadataOnly?: boolean;
  /** A kind that the API server may not have (yet): it is then empty, and asked for again. */
  readonly optional?: boolean;
}

export interface WatchKindOptions<T> {
  /** What is kept of an object; undefined for one that is of no interest. */
  readonly trim: (raw: RawObject) => T | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<WatchLimits>;
}

export interface WatchLimits {
  /** The first delay after a failure, and the longest; an API server that restarts takes some ten seconds. */
  readonly backoff: BackoffConfig;
  /** A watch that says nothing for so long is dead; the API server sends a bookmark about every minute. */
  readonly silence: Millis;
  /** How long the API server is asked to keep a watch open; it is then opened anew, perhaps at another replica. */
  readonly watchFor: Millis;
  /** A list is read again after so long whatever the watch said, so that no lost event stays lost. */
  readonly relistAfter: Millis;
  /** How long a kind that was there may be missing before its objects are given up. */
  readonly missingFor: Millis;
  /** Objects per page of a list; bounds what is parsed at once. */
  readonly pageSize: number;
}

export const defaultWatchLimits: WatchLimits = {
  backoff: { base: millis(500), max: seconds(10) },
  silence: seconds(90),
  watchFor: seconds(300),
  relistAfter: seconds(3_600),
  missingFor: seconds(60),
  pageSize: 250,
};

export interface KindWatch<T> extends Watch<ReadonlyMap<string, T>> {
  /** Resolves when all objects are known. */
  readonly synced: Promise<void>;
  isSynced(): boolean;
  /** One object, without the cost of a copied map. */
  get(key: string): T | undefined;
  /** Calls back with every change; of a first list with all of it. The result ends it. */
  onDelta(listener: (delta: Delta<T>) => void): () => void;
  /** Since the API server last said anything of this kind. */
  age(): Millis;
  close(): void;
}

const shortestWatch = seconds(1);

/** Starts at once, and never gives up. `trim` must not throw. */
export function watchKind<T>(
  client: KubernetesClient,
  kind: Kind,
  options: WatchKindOptions<T>,
): KindWatch<T> {
  return new FollowedKind(client, kind, options);
}

class FollowedKind<T> implements KindWatch<T> {
  readonly synced: Promise<void>;
  readonly #client: KubernetesClient;
  readonly #kind: Kind;
  readonly #options: WatchKindOptions<T>;
  readonly #limits: WatchLimits;
  readonly #state: KindState<T>;
  readonly #closed = new AbortController();
  readonly #deltaListeners = new Set<(delta: Delta<T>) => void>();
  readonly #listeners = new Set<(objects: ReadonlyMap<string, T>) => void>();
  #copy: ReadonlyMap<string, T> | undefined;
  #resolveSynced: () => void = () => {};
  #isSynced = false;
  #contactAt: Millis;
  #listedAt: Millis;
  #missingSince: Millis | undefined;
  /** Where the next watch begins; undefined asks for a list first. */
  #version: string | undefined;
  #attempt = 0;

  constructor(client: KubernetesClient, kind: Kind, options: WatchKindOptions<T>) {
    this.#client = client;
    this.#kind = kind;
    this.#options = options;
    this.#limits = { ...defaultWatchLimits, ...options.limits };
    this.#state = new KindState(options.trim);
    this.#contactAt = options.clock.now();
    this.#listedAt = options.clock.now();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.synced = promise;
    this.#resolveSynced = resolve;
    void this.#run();
  }

  current(): ReadonlyMap<string, T> {
    this.#copy ??= new Map(this.#state.entries());
    return this.#copy;
  }

  subscribe(listener: (objects: ReadonlyMap<string, T>) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  isSynced(): boolean {
    return this.#isSynced;
  }

  get(key: string): T | undefined {
    return this.#state.get(key);
  }

  onDelta(listener: (delta: Delta<T>) => void): () => void {
    this.#deltaListeners.add(listener);
    return () => void this.#deltaListeners.delete(listener);
  }

  age(): Millis {
    return (this.#options.clock.now() - this.#contactAt) as Millis;
  }

  close(): void {
    this.#closed.abort(new Error("the watch was closed"));
  }

  async #run(): Promise<void> {
    const { log } = this.#options;
    const { path } = this.#kind;
    while (!this.#closed.signal.aborted) {
      try {
        if (this.#version === undefined || this.#isListOld()) await this.#list();
        await this.#watch();
      } catch (error) {
        if (this.#closed.signal.aborted) break;
        const delay = this.#takeFailure(error);
        if (delay === undefined) continue;
        // A watch that broke is nothing to wake somebody for; one that cannot be opened again is.
        const isExpected = this.#missingSince !== undefined;
        const level = this.#attempt > 2 && !isExpected ? "warn" : "debug";
        log[level]({ path, delay, reason: messageOf(error) }, "watch interrupted");
        await this.#sleep(delay);
      }
    }
  }

  async #list(): Promise<void> {
    const delta = new Map<string, T | undefined>();
    try {
      this.#version = await this.#readPages(delta);
    } finally {
      // Of a list that broke off, what was read is true all the same.
      this.#announce(delta);
    }
    this.#missingSince = undefined;
    this.#listedAt = this.#options.clock.now();
    this.#becomeSynced();
  }

  async #readPages(delta: Map<string, T | undefined>): Promise<string | undefined> {
    this.#state.beginList();
    let next = "";
    for (;;) {
      const list: RawList = await this.#client.request<RawList>({
        method: "GET",
        path: this.#kind.path,
        query: {
          ...this.#selectors(),
          limit: String(this.#limits.pageSize),
          ...(next === "" ? {} : { continue: next }),
        },
        signal: this.#closed.signal,
        ...this.#accept("PartialObjectMetadataList"),
      });
      this.#heard();
      this.#state.page(list.items ?? [], delta);
      next = list.metadata?.continue ?? "";
      if (next !== "") continue;
      this.#state.endList(delta);
      return list.metadata?.resourceVersion;
    }
  }

  async #watch(): Promise<void> {
    const { clock } = this.#options;
    const quiet = new AbortController();
    let openedAt = clock.now();
    let stopTimer: () => void = () => {};
    const watchForSilence = (): void => {
      const left = (this.#limits.silence - this.age()) as Millis;
      if (left > 0) stopTimer = clock.after(left, watchForSilence);
      else quiet.abort(new Error(`silent for ${this.age()} ms`));
    };
    try {
      await this.#client.stream(
        {
          method: "GET",
          path: this.#kind.path,
          query: {
            ...this.#selectors(),
            watch: "true",
            allowWatchBookmarks: "true",
            resourceVersion: this.#version ?? "",
            timeoutSeconds: String(Math.ceil(this.#limits.watchFor / 1_000)),
          },
          signal: AbortSignal.any([this.#closed.signal, quiet.signal]),
          ...this.#accept("PartialObjectMetadata"),
        },
        {
          onOpen: () => {
            openedAt = clock.now();
            this.#heard();
            watchForSilence();
          },
          onLine: (line) => this.#takeEvent(JSON.parse(line) as RawEvent),
        },
      );
    } finally {
      stopTimer();
    }
    // Something between us and the API server may end every watch as soon as it is open.
    if (clock.now() - openedAt < shortestWatch) throw new Error("watch ended at once");
    this.#attempt = 0;
  }

  #takeEvent(event: RawEvent): void {
    const { type, object } = event;
    if (type === "ERROR") throw statusError(object);
    this.#heard();
    this.#attempt = 0;
    const delta = new Map<string, T | undefined>();
    if (type === "DELETED") this.#state.remove(object, delta);
    else if (type !== "BOOKMARK") this.#state.put(object, delta);
    this.#version = object.metadata.resourceVersion ?? this.#version;
    this.#announce(delta);
  }

  /** How long to wait; undefined when the next try may follow at once. */
  #takeFailure(error: unknown): Millis | undefined {
    const { clock } = this.#options;
    const status = error instanceof KubernetesError ? error.status : 0;
    if (status === 410) this.#version = undefined;
    // An event, a bookmark or a page says that the API server is well; the first failure after it is not waited for long.
    const attempt = this.#attempt++;
    if (status === 410 && attempt === 0) return undefined;
    if (status === 404 && this.#kind.optional === true) {
      this.#version = undefined;
      this.#heard();
      this.#missingSince ??= clock.now();
      this.#takeAbsence(clock.now() - this.#missingSince);
    }
    const asked = error instanceof KubernetesError ? error.retryAfter : undefined;
    const delay = backoffDelay(this.#limits.backoff, attempt);
    return Math.max(delay, asked ?? 0) as Millis;
  }

  /** An API server that has just started does not know its CRDs for a moment: what was good stays for a while. */
  #takeAbsence(missingFor: number): void {
    if (this.#state.size > 0 && missingFor < this.#limits.missingFor) return;
    const delta = new Map<string, T | undefined>();
    this.#state.beginList();
    this.#state.endList(delta);
    this.#announce(delta);
    this.#becomeSynced();
  }

  #becomeSynced(): void {
    if (this.#isSynced) return;
    this.#isSynced = true;
    this.#resolveSynced();
  }

  #isListOld(): boolean {
    return this.#options.clock.now() - this.#listedAt > this.#limits.relistAfter;
  }

  #heard(): void {
    this.#contactAt = this.#options.clock.now();
  }

  #announce(delta: Delta<T>): void {
    if (delta.size === 0) return;
    this.#copy = undefined;
    for (const listener of Array.from(this.#deltaListeners)) listener(delta);
    if (this.#listeners.size === 0) return;
    const objects = this.current();
    for (const listener of Array.from(this.#listeners)) listener(objects);
  }

  #selectors(): Record<string, string> {
    const { labelSelector, fieldSelector } = this.#kind;
    return {
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
  }

  #accept(as: string): { accept?: string } {
    if (this.#kind.metadataOnly !== true) return {};
    return { accept: `application/json;as=${as};g=meta.k8s.io;v=v1` };
  }

  #sleep(delay: Millis): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#closed;
      const stop = this.#options.clock.after(delay, () => {
        signal.removeEventListener("abort", wake);
        resolve();
      });
      const wake = (): void => {
        stop();
        resolve();
      };
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}

function statusError(object: RawObject): KubernetesError {
  const { code, reason, message } = object as unknown as {
    code?: number;
    reason?: string;
    message?: string;
  };
  return new KubernetesError(`watch: ${message ?? "failed"}`, {
    status: code ?? 0,
    reason: reason ?? "Unknown",
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
