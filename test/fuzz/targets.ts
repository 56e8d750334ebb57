/** The fuzz targets of all decoders, and the inputs that were kept for each because they reached something new. */
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { FuzzTarget } from "../../src/protocol/fuzz-target.ts";

/** All, or the one of that name. */
export async function findTargets(only?: string): Promise<FuzzTarget[]> {
  const found: FuzzTarget[] = [];
  for (const file of globSync("src/**/*.fuzz.ts").sort()) {
    const module = (await import(pathToFileURL(resolve(file)).href)) as { target: FuzzTarget };
    if (only === undefined || module.target.name === only) found.push(module.target);
  }
  return found;
}

const root = "test/fuzz/corpus";

export function readCorpus({ name }: FuzzTarget): Buffer[] {
  const folder = join(root, name);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((file) => readFileSync(join(folder, file)));
}

/** The file's name is a hash of its content, so the same input is kept once. */
export function keepInput({ name }: FuzzTarget, input: Buffer): string {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, createHash("sha256").update(input).digest("hex").slice(0, 12));
  writeFileSync(file, input);
  return file;
}
