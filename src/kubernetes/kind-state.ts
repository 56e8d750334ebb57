/** What is held of one kind: trimmed objects by key, and what each list or event changed. Pure. */
import { isDeepStrictEqual } from "node:util";
import type { RawObject } from "./raw-object.ts";

/** What changed at once: the new objects, and undefined for those that are gone. */
export type Delta<T> = ReadonlyMap<string, T | undefined>;

interface Held<T> {
  readonly version: string;
  readonly object: T;
}

/** An object that is in another life (deleted and made again under its name) is never the same one. */
export class KindState<T> {
  readonly #trim: (raw: RawObject) => T | undefined;
  readonly #held = new Map<string, Held<T>>();
  /** Keys of the list that is being read, page by page. */
  #listed = new Set<string>();

  constructor(trim: (raw: RawObject) => T | undefined) {
    this.#trim = trim;
  }

  get size(): number {
    return this.#held.size;
  }

  get(key: string): T | undefined {
    return this.#held.get(key)?.object;
  }

  *entries(): Iterable<[string, T]> {
    for (const [key, { object }] of this.#held) yield [key, object];
  }

  beginList(): void {
    this.#listed = new Set();
  }

  /** Takes one page; what the earlier state had and no page names goes with `endList`. */
  page(items: readonly RawObject[], delta: Map<string, T | undefined>): void {
    for (const raw of items) {
      this.#listed.add(keyOf(raw));
      this.put(raw, delta);
    }
  }

  endList(delta: Map<string, T | undefined>): void {
    for (const key of Array.from(this.#held.keys())) {
      if (!this.#listed.has(key)) this.#drop(key, delta);
    }
    this.#listed = new Set();
  }

  put(raw: RawObject, delta: Map<string, T | undefined>): void {
    const key = keyOf(raw);
    const version = `${raw.metadata.uid ?? ""} ${raw.metadata.resourceVersion ?? ""}`;
    const before = this.#held.get(key);
    if (before?.version === version) return;
    const trimmed = this.#trim(raw);
    if (trimmed === undefined) {
      this.#drop(key, delta);
      return;
    }
    // Most updates touch only what was trimmed away; they change nothing for us.
    const same = before !== undefined && isDeepStrictEqual(before.object, trimmed);
    this.#held.set(key, { version, object: same ? before.object : trimmed });
    if (!same) delta.set(key, trimmed);
  }

  /** Forgets an object of which the API server says that it is gone. */
  remove(raw: RawObject, delta: Map<string, T | undefined>): void {
    this.#drop(keyOf(raw), delta);
  }

  #drop(key: string, delta: Map<string, T | undefined>): void {
    if (this.#held.delete(key)) delta.set(key, undefined);
  }
}

/** `NAMESPACE/NAME`, or `NAME` of what lives in no namespace. */
export function keyOf(raw: RawObject): string {
  const { namespace, name } = raw.metadata;
  return namespace === undefined ? name : `${namespace}/${name}`;
}
