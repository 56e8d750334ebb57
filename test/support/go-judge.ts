/** Builds the commands of a Go judge's own module into a cache outside the checkout. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Cold builds of the larger judges download and compile for minutes. */
const buildTimeout = 900_000;

/** The Go command of this machine, or undefined: `skip` a test with the sentence of `noGo` then. */
export function findGo(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return [...folders, "/usr/local/go/bin", "/usr/lib/go/bin"]
    .map((folder) => join(folder, "go"))
    .find(isExecutable);
}

export const noGo = "no Go toolchain on this machine (https://go.dev/dl/)";

/**
 * Builds `packages` of the module in `folder` (which holds go.mod, go.sum and a tools.go that imports them)
 * unless the cache holds them, and gives the path of the folder with the binaries: each is named after the last
 * part of its package's path. The cache is keyed by the module's files, so a new version is a new folder.
 */
export async function buildGoJudge(folder: string, packages: readonly string[]): Promise<string> {
  const go = findGo();
  if (go === undefined) throw new Error(noGo);
  const target = join(cacheFolder(), `${basename(folder)}-${moduleKey(folder)}`);
  const missing = packages.filter((name) => !existsSync(join(target, basename(name))));
  if (missing.length === 0) return target;
  await mkdir(target, { recursive: true });
  // Built beside and moved in whole: two test processes may build the same judge at once.
  const scratch = await mkdtemp(`${target}.`);
  try {
    const options = { cwd: folder, timeout: buildTimeout, maxBuffer: 16 * 1024 * 1024 };
    await run(go, ["build", "-o", `${scratch}/`, ...missing], options);
    for (const name of missing.map((path) => basename(path))) {
      await rename(join(scratch, name), join(target, name));
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return target;
}

function cacheFolder(): string {
  const base = process.env["XDG_CACHE_HOME"];
  return join(
    base === undefined || base === "" ? join(homedir(), ".cache") : base,
    "remora/judges",
  );
}

function moduleKey(folder: string): string {
  const hash = createHash("sha256");
  const sources = readdirSync(folder, { encoding: "utf8", recursive: true })
    .filter((file) => file.endsWith(".go"))
    .sort();
  for (const file of ["go.mod", "go.sum", ...sources])
    hash.update(readFileSync(join(folder, file)));
  return hash.digest("hex").slice(0, 12);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
