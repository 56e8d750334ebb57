/**
 * What one proxy wants to know of one resource type, and what it was told. Pure: it is asked for the next response
 * whenever the transport has room, so a slow proxy costs its marks here and no queue of messages.
 *
 *   request ──> keys, wildcard ──┐
 *                                ├─> next(): the difference between what is wanted and what was sent
 *   snapshot ──> resources ──────┘
 */
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
  #wildcard = false;
  readonly #keys = new Set<string>();
  /** Keys that were asked for and not answered since. */
  readonly #unanswered = new Set<string>();
  /** Name to version of what the proxy holds. */
  readonly #sent = new Map<string, string>();
  #begun = false;
  /** The first request is answered even when there is nothing to say. */
  #owesAnswer = false;

  get size(): number {
    return this.#keys.size;
  }

  /** Takes a request that is not merely an acknowledgement. Throws a LimitError when the proxy wants too much. */
  request(request: SubscriptionRequest): void {
    if (!this.#begun) this.#begin(request);
    for (const key of request.subscribe) this.#add(key, request.initialVersions);
    for (const key of request.unsubscribe) {
      if (key === "*") this.#wildcard = false;
      this.#keys.delete(key);
      this.#unanswered.delete(key);
    }
  }

  /** The next response of about `maxBytes` at most; undefined when the proxy knows all that it wants. */
  next(lookup: Lookup, maxBytes: number): Update | undefined {
    if (!this.#begun) return undefined;
    const wanted = this.#wanted(lookup);
    const resources: Resource[] = [];
    const removed = new Set<string>();
    let bytes = 0;
    for (const resource of wanted.values()) {
      if (this.#sent.get(resource.name) === resource.version) continue;
      if (bytes > 0 && bytes + resource.body.length > maxBytes) break;
      bytes += resource.body.length + resource.name.length + perResource;
      resources.push(resource);
      this.#sent.set(resource.name, resource.version);
    }
    for (const name of Array.from(this.#sent.keys())) {
      if (wanted.has(name)) continue;
      this.#sent.delete(name);
      removed.add(name);
    }
    // What was asked for and does not exist is answered as removed.
    for (const key of this.#unanswered) {
      if (!wanted.has(key)) removed.add(key);
      if (!wanted.has(key) || this.#sent.has(key)) this.#unanswered.delete(key);
    }
    if (resources.length === 0 && removed.size === 0 && !this.#owesAnswer) return undefined;
    this.#owesAnswer = false;
    return { resources, removed: Array.from(removed) };
  }

  #begin(request: SubscriptionRequest): void {
    this.#begun = true;
    this.#owesAnswer = true;
    // The older way of saying "*".
    if (request.subscribe.length === 0) this.#wildcard = true;
    for (const [name, version] of Object.entries(request.initialVersions)) {
      if (this.#sent.size >= maxKeys) throw new LimitError("too many initial versions");
      this.#sent.set(name, version);
    }
  }

  #add(key: string, held: Readonly<Record<string, string>>): void {
    if (key === "*") {
      this.#wildcard = true;
      return;
    }
    if (key.length > maxKeyLength) throw new LimitError("resource name too long");
    if (this.#keys.size >= maxKeys) throw new LimitError("too many resource names");
    this.#keys.add(key);
    this.#unanswered.add(key);
    // Who asks again has forgotten, unless it says what it holds.
    if (!Object.hasOwn(held, key)) this.#sent.delete(key);
  }

  #wanted(lookup: Lookup): Map<string, Resource> {
    const wanted = new Map<string, Resource>();
    if (this.#wildcard) for (const resource of lookup.all()) wanted.set(resource.name, resource);
    for (const key of this.#keys) {
      for (const resource of lookup.resolve(key)) wanted.set(resource.name, resource);
    }
    return wanted;
  }
}

/** Framing of one resource: type URL, version, tags. */
const perResource = 100;
