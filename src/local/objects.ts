/** The objects that the mesh was asked to run, by kind and name, with news of every change. */
import type { KnownObject } from "../api/kubernetes.ts";

type ObjectOf<Kind extends KnownObject["kind"]> = Extract<KnownObject, { kind: Kind }>;

export class ObjectStore {
  readonly #objects = new Map<string, KnownObject>();
  readonly #listeners = new Set<() => void>();

  get<Kind extends KnownObject["kind"]>(
    kind: Kind,
    namespace: string,
    name: string,
  ): ObjectOf<Kind> | undefined {
    return this.#objects.get(objectPath(kind, namespace, name)) as ObjectOf<Kind> | undefined;
  }

  all(): readonly KnownObject[] {
    return Array.from(this.#objects.values());
  }

  list<Kind extends KnownObject["kind"]>(kind: Kind): readonly ObjectOf<Kind>[] {
    return this.all().filter((object): object is ObjectOf<Kind> => object.kind === kind);
  }

  /** Sets and removes in one step, and announces once. */
  change(set: readonly KnownObject[], removed: readonly KnownObject[] = []): void {
    for (const object of removed) this.#objects.delete(pathOf(object));
    for (const object of set) this.#objects.set(pathOf(object), object);
    for (const listener of Array.from(this.#listeners)) listener();
  }

  /** Calls back after every change; the result ends the subscription. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** The key of an object: unique in the mesh, and usable as a file's name. */
export function pathOf(object: KnownObject): string {
  return objectPath(object.kind, object.metadata.namespace ?? "", object.metadata.name);
}

function objectPath(kind: string, namespace: string, name: string): string {
  return `${kind.toLowerCase()}_${namespace}_${name}`;
}
