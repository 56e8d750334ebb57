/** The objects in force as files, for the control plane: one JSON file each, replaced as a whole. */
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KnownObject } from "../api/kubernetes.ts";
import { pathOf } from "./objects.ts";

export class ObjectFolder {
  readonly #directory: string;
  readonly #written = new Map<string, string>();

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory)) rmSync(join(directory, name));
  }

  /** Brings the folder to exactly these objects; files of unchanged ones are left alone. */
  write(objects: readonly KnownObject[]): void {
    const wanted = new Set<string>();
    for (const object of objects) {
      const name = `${pathOf(object)}.json`;
      wanted.add(name);
      const text = `${JSON.stringify(object, null, 2)}\n`;
      if (this.#written.get(name) === text) continue;
      // A hidden name, so that whoever watches the folder never reads half a file.
      const fresh = join(this.#directory, `.${name}.new`);
      writeFileSync(fresh, text, { mode: 0o600 });
      renameSync(fresh, join(this.#directory, name));
      this.#written.set(name, text);
    }
    for (const name of Array.from(this.#written.keys())) {
      if (wanted.has(name)) continue;
      rmSync(join(this.#directory, name), { force: true });
      this.#written.delete(name);
    }
  }
}
