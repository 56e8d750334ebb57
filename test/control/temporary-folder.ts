/** A folder that goes with the test that asked for it. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

export interface TemporaryFolder {
  readonly path: string;
  /** Replaces the file at once, as an editor or `kubectl apply` would. */
  write(name: string, text: string): string;
  remove(name: string): void;
}

export function temporaryFolder(context: TestContext): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), "remora-control-"));
  context.after(() => rmSync(path, { recursive: true, force: true }));
  return {
    path,
    write(name, text) {
      const file = join(path, name);
      writeFileSync(`${file}.new`, text);
      renameSync(`${file}.new`, file);
      return file;
    },
    remove: (name) => rmSync(join(path, name)),
  };
}
