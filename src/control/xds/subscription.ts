/**
 * What one proxy wants to know of one resource type, and what it was told. Pure: it is asked for the next response
 * whenever the transport has room, so a slow proxy costs its marks here and no queue of messages.
 *
 *   request ──> keys, the wildcard one of them ──┐
 *                                               ├─> next(): the difference between what is wanted and what was sent
 *   snapshot ──> touched keys ──> resources ────┘
 */
import { normalizeIp } from "../../core/address.ts";
import type { Resource } from "../model/resource.ts";

/** How names lead to resources in one snapshot. */
export interface Lookup {
  /** Everything that the key asks for; the first resource is named exactly as the key. Empty when there is nothing. */
  resolve(key: string): readonly Resource[];
  /** Everything of the type that this proxy may know. */
  all(): Iterable<Resource>;
}

export interface SubscriptionRequest {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** What the proxy still holds from an earlier stream. */
  readonly initialVersions: Readonly<Record<string, string>>;
}

export interface Update {
  readonly resources: readonly Resource[];
  readonly removed: readonly string[];
}

/** A proxy talks to some hundred places; a thousand times that is no proxy. Bounds the memory of one stream. */
export const maxKeys = 100_000;
/** The longest legal name is `namespace/hostname`, 63 + 1 + 253. */
export const maxKeyLength = 512;

export class LimitError extends Error {}

export class Subscription {
  readonly #keys = new Set<string>();
  /** Keys whose resources may not be what the proxy holds. */
  readonly #dirty = new Set<string>();
  /** Keys that are not written as changes name them, so any change may be theirs. */
  readonly #odd = new Set<string>();
  /** Keys that were asked for and not answered since. */
  readonly #unanswered = new Set<string>();
  /** Name to version of what the proxy holds. */
  readonly #sent = new Map<string, string>();
  /** What each key led to, and how many keys lead to each name. */
  readonly #namesOf = new Map<string, readonly string[]>();
  readonly #holders = new Map<string, number>();
  /** Names that the proxy holds and that perhaps no key leads to any more. */
  readonly #lost = new Set<string>();
  #begun = false;
  /** The first request is answered even when there is nothing to say. */
  #owesAnswer = false;

  get size(): number {
    return this.#keys.size - (this.#keys.has(wildcard) ? 1 : 0);
  }

  /** Takes a request that is not merely an acknowledgement. Throws a LimitError when the proxy wants too much. */
  request(request: SubscriptionRequest): void {
    if (!this.#begun) this.#begin(request);
    for (const key of request.subscribe) this.#add(key, request.initialVersions);
    for (const key of request.unsubscribe) this.#drop(key);
  }

  /** Takes the keys that may lead to something else than before, undefined when all may; tells whether any is ours. */
  touch(changed: ReadonlySet<string> | undefined): boolean {
    if (this.#keys.has(wildcard)) this.#dirty.add(wildcard);
    for (const key of this.#odd) this.#dirty.add(key);
    if (changed === undefined || changed.size > this.#keys.size) {
      for (const key of this.#keys) if (changed?.has(key) !== false) this.#dirty.add(key);
    } else for (const key of changed) if (this.#keys.has(key)) this.#dirty.add(key);
    return this.#dirty.size > 0;
  }

  /** The next response of about `maxBytes` at most; undefined when the proxy knows all that it wants. */
  next(lookup: Lookup, maxBytes: number): Update | undefined {
    if (!this.#begun) return undefined;
    const resources: Resource[] = [];
    const removed = new Set<string>();
    let bytes = 0;
    const send = (resource: Resource): boolean => {
      if (this.#sent.get(resource.name) === resource.version) return true;
      if (bytes > 0 && bytes + resource.body.length > maxBytes) return false;
      bytes += resource.body.length + resource.name.length + perResource;
      resources.push(resource);
      this.#sent.set(resource.name, resource.version);
      return true;
    };
    for (const key of this.#dirty) {
      const found = key === wildcard ? Array.from(lookup.all()) : lookup.resolve(key);
      if (!found.every(send)) break;
      this.#dirty.delete(key);
      this.#settle(key, found);
      // What was asked for and does not exist is answered as removed.
      if (this.#unanswered.delete(key) && !this.#sent.has(key)) removed.add(key);
    }
    // What one key has lost another may have found: that is known when all are looked at.
    if (this.#dirty.size === 0) this.#dropLost(removed);
    if (resources.length === 0 && removed.size === 0 && !this.#owesAnswer) return undefined;
    this.#owesAnswer = false;
    return { resources, removed: Array.from(removed) };
  }

  #begin(request: SubscriptionRequest): void {
    this.#begun = true;
    this.#owesAnswer = true;
    // The older way of saying "*".
    if (request.subscribe.length === 0) this.#add(wildcard, {});
    for (const [name, version] of Object.entries(request.initialVersions)) {
      if (this.#sent.size >= maxKeys) throw new LimitError("too many initial versions");
      this.#sent.set(name, version);
      this.#lost.add(name);
    }
  }

  #add(key: string, held: Readonly<Record<string, string>>): void {
    if (key !== wildcard) {
      if (key.length > maxKeyLength) throw new LimitError("resource name too long");
      if (this.size >= maxKeys) throw new LimitError("too many resource names");
      this.#unanswered.add(key);
      // Who asks again has forgotten, unless it says what it holds.
      if (!Object.hasOwn(held, key)) this.#sent.delete(key);
      if (key.startsWith("/") && normalizeIp(key.slice(1)) !== key.slice(1)) this.#odd.add(key);
    }
    this.#keys.add(key);
    this.#dirty.add(key);
  }

  #drop(key: string): void {
    this.#keys.delete(key);
    this.#dirty.delete(key);
    this.#odd.delete(key);
    this.#unanswered.delete(key);
    this.#settle(key, []);
    this.#lost.add(key);
  }

  #settle(key: string, found: readonly Resource[]): void {
    const before = this.#namesOf.get(key) ?? [];
    for (const { name } of found) this.#holders.set(name, (this.#holders.get(name) ?? 0) + 1);
    if (found.length === 0) this.#namesOf.delete(key);
    else {
      this.#namesOf.set(
        key,
        found.map(({ name }) => name),
      );
    }
    for (const name of before) {
      const count = (this.#holders.get(name) ?? 1) - 1;
      if (count > 0) this.#holders.set(name, count);
      else {
        this.#holders.delete(name);
        this.#lost.add(name);
      }
    }
  }

  #dropLost(removed: Set<string>): void {
    for (const name of this.#lost) {
      if (!this.#holders.has(name) && this.#sent.delete(name)) removed.add(name);
    }
    this.#lost.clear();
  }
}

const wildcard = "*";

/** Framing of one resource: type URL, version, tags. */
const perResource = 100;
