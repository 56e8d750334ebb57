/** Which objects the mesh should hold, by the files that they came from. */
import { dirname } from "node:path";
import type { KnownObject } from "../api/kubernetes.ts";
import type { ManifestObject } from "../control/manifests/parse.ts";
import { pathOf } from "./objects.ts";

export interface InventoryChange {
  readonly set: readonly KnownObject[];
  readonly removed: readonly KnownObject[];
  /** `kind/name created`, one for each object that was given or removed. */
  readonly words: readonly string[];
}

interface Entry {
  readonly object: KnownObject;
  readonly text: string;
  readonly file: string;
}

export class Inventory {
  readonly #entries = new Map<string, Entry>();

  /**
   * What would change when these objects are the whole content of their files, and of the given folders: an object
   * whose file no longer holds it is removed, so that a folder can be the truth about a mesh.
   */
  plan(items: readonly ManifestObject[], folders: readonly string[]): InventoryChange {
    const given = new Map(items.map((item) => [pathOf(item.object), item]));
    const files = new Set(items.map((item) => item.file));
    const set: KnownObject[] = [];
    const words: string[] = [];
    for (const [key, { object }] of given) {
      const known = this.#entries.get(key);
      const verb = known === undefined ? "created" : "changed";
      const same = known?.text === JSON.stringify(object);
      if (!same) set.push(object);
      words.push(`${describeObject(object)} ${same ? "unchanged" : verb}`);
    }
    const removed: KnownObject[] = [];
    for (const [key, { object, file }] of this.#entries) {
      if (given.has(key) || !(files.has(file) || folders.includes(dirname(file)))) continue;
      removed.push(object);
      words.push(`${describeObject(object)} removed`);
    }
    return { set, removed, words };
  }

  /** Remembers what was planned as done. */
  commit(items: readonly ManifestObject[], change: InventoryChange): void {
    for (const object of change.removed) this.#entries.delete(pathOf(object));
    for (const { object, file } of items) {
      this.#entries.set(pathOf(object), { object, file, text: JSON.stringify(object) });
    }
  }

  /** Forgets one object that was deleted by hand; its file may bring it back when it is read again. */
  forget(object: KnownObject): void {
    this.#entries.delete(pathOf(object));
  }
}

function describeObject(object: KnownObject): string {
  return `${object.kind.toLowerCase()}/${object.metadata.name}`;
}
