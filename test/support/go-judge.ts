/** Builds the commands of a Go judge's own module into a cache outside the checkout. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Cold builds of the larger judges download and compile for minutes, a whole Kubernetes for ten. */
const buildTimeout = 1_800_000;

export interface GoBuildOptions {
  /** For the linker, such as `-X` with a version; part of the cache's key. */
  readonly ldflags?: string;
  /** Told what is about to be built, and how long it took: silence for minutes looks like a hang. */
  readonly say?: (line: string) => void;
}

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
 * part of its package's path, without a version. The cache is keyed by the module's files, so a new version is a new
 * folder.
 */
export async function buildGoJudge(
  folder: string,
  packages: readonly string[],
  { ldflags = "", say = () => {} }: GoBuildOptions = {},
): Promise<string> {
  const go = findGo();
  if (go === undefined) throw new Error(noGo);
  const target = join(cacheFolder(), `${basename(folder)}-${moduleKey(folder, ldflags)}`);
  const missing = packages.filter((name) => !existsSync(join(target, binaryOf(name))));
  if (missing.length === 0) return target;
  await mkdir(target, { recursive: true });
  // Built beside and moved in whole: two test processes may build the same judge at once.
  const scratch = await mkdtemp(`${target}.`);
  const began = Date.now();
  const names = missing.map(binaryOf);
  say(`building ${names.join(", ")} with Go: minutes when it was never done here`);
  try {
    // Without C, what is built also runs in a container that holds no libc.
    const env = { ...process.env, CGO_ENABLED: "0" };
    const options = { cwd: folder, env, timeout: buildTimeout, maxBuffer: 16 * 1024 * 1024 };
    await run(go, ["build", "-ldflags", ldflags, "-o", `${scratch}/`, ...missing], options);
    for (const name of names) await rename(join(scratch, name), join(target, name));
    say(`built ${names.join(", ")} in ${String(Math.round((Date.now() - began) / 1000))} s`);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return target;
}

/** Go leaves a major version at the end of a path out of the binary's name. */
function binaryOf(name: string): string {
  return basename(name.replace(/\/v\d+$/, ""));
}

function cacheFolder(): string {
  const base = process.env["XDG_CACHE_HOME"];
  return join(
    base === undefined || base === "" ? join(homedir(), ".cache") : base,
    "remora/judges",
  );
}

function moduleKey(folder: string, ldflags: string): string {
  const hash = createHash("sha256").update(ldflags);
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
