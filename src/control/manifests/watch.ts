/** Manifests on a disk that is being edited: changed files are read again, broken ones keep what was good. */
import { type FSWatcher, statSync, watch } from "node:fs";
import { dirname } from "node:path";
import { type Millis, millis } from "../../core/duration.ts";
import { listFiles, mergeManifests, readManifests } from "./load.ts";
import type { Manifests } from "./parse.ts";

export interface ManifestWatchConfig {
  /**
   * How old a change must be before the file is read; default 30 ms. Editors save in several steps, and a file that
   * is read in the middle of them may be sound and half as long.
   */
  readonly settle: Millis;
  /**
   * How often every file is looked at whatever the kernel tells; default 400 ms, because inotify is silent on network
   * file systems, and an edit must be seen within a second there too.
   */
  readonly poll: Millis;
}

export const defaultManifestWatchConfig: ManifestWatchConfig = {
  settle: millis(30),
  poll: millis(400),
};

export interface ManifestWatch {
  /**
   * The objects in force: of a file with an error those of its last sound version, which is none for a file that was
   * never sound. The problems are those of the files as they are now. Unchanged files keep their very objects.
   */
  current(): Manifests;
  close(): void;
}

/** Reads at once, then calls back with the whole new state after every change of an object or a problem. */
export function watchManifests(
  paths: readonly string[],
  onChange: (manifests: Manifests) => void,
  config: ManifestWatchConfig = defaultManifestWatchConfig,
): ManifestWatch {
  const files = new Map<string, WatchedFile>();
  const folders = createFolderWatchers(paths, () => soon());
  let pathProblems = "[]";
  let manifests: Manifests = { objects: [], problems: [] };
  let settling: NodeJS.Timeout | undefined;

  const soon = (): void => {
    settling ??= setTimeout(look, config.settle);
  };
  const scan = (settle: Millis): boolean => {
    folders.renew();
    const listed = listFiles(paths);
    const problems = JSON.stringify(listed.problems);
    let changed = problems !== pathProblems;
    pathProblems = problems;
    // A folder that has gone for a moment (a remount, a replaced link) must not empty the mesh.
    if (listed.problems.length === 0) changed = forgetMissing(files, listed.files) || changed;
    for (const file of listed.files) {
      const outcome = refresh(files, file, settle);
      if (outcome === "changed") changed = true;
      if (outcome === "settling") soon();
    }
    if (!changed) return false;
    const inForce = listed.files.flatMap((file) => files.get(file)?.inForce ?? []);
    const absent = listed.problems.length === 0 ? [] : goneFiles(files, listed.files);
    manifests = mergeManifests([{ objects: [], problems: listed.problems }, ...inForce, ...absent]);
    return true;
  };
  const look = (): void => {
    clearTimeout(settling);
    settling = undefined;
    if (scan(config.settle)) onChange(manifests);
  };

  scan(millis(0));
  const timer = setInterval(look, config.poll);
  timer.unref();
  return {
    current: () => manifests,
    close() {
      clearInterval(timer);
      clearTimeout(settling);
      folders.close();
    },
  };
}

interface WatchedFile {
  /** Differs whenever the file was written or replaced. */
  readonly stamp: string;
  /** The objects in force, and the problems of the newest text. */
  readonly inForce: Manifests;
}

function refresh(
  files: Map<string, WatchedFile>,
  file: string,
  settle: Millis,
): "changed" | "same" | "settling" {
  const { stamp, age } = stampOf(file);
  const known = files.get(file);
  if (known?.stamp === stamp) return "same";
  // A change time in the future (another machine's clock) tells nothing.
  if (age >= 0 && age < settle) return "settling";
  const read = readManifests(file);
  const broken = read.problems.some((problem) => problem.severity === "error");
  const objects = broken ? (known?.inForce.objects ?? []) : read.objects;
  const next = { objects, problems: read.problems };
  const same = known !== undefined && JSON.stringify(known.inForce) === JSON.stringify(next);
  files.set(file, { stamp, inForce: same ? known.inForce : next });
  return same ? "same" : "changed";
}

function forgetMissing(files: Map<string, WatchedFile>, present: readonly string[]): boolean {
  const missing = Array.from(files.keys()).filter((file) => !present.includes(file));
  for (const file of missing) files.delete(file);
  return missing.length > 0;
}

function goneFiles(files: Map<string, WatchedFile>, present: readonly string[]): Manifests[] {
  return Array.from(files)
    .filter(([file]) => !present.includes(file))
    .map(([, { inForce }]) => inForce);
}

function stampOf(file: string): { readonly stamp: string; readonly age: number } {
  try {
    const { ino, size, mtimeNs, mtimeMs } = statSync(file, { bigint: true });
    return { stamp: `${ino} ${size} ${mtimeNs}`, age: Date.now() - Number(mtimeMs) };
  } catch {
    return { stamp: "", age: -1 };
  }
}

/** Folders are watched, never files: the watch of a file that is replaced by a rename is lost. */
function createFolderWatchers(
  paths: readonly string[],
  onEvent: () => void,
): { renew(): void; close(): void } {
  const watched = new Map<string, { readonly ino: number; readonly watcher: FSWatcher }>();
  const drop = (folder: string): void => {
    watched.get(folder)?.watcher.close();
    watched.delete(folder);
  };
  return {
    renew() {
      for (const path of paths) {
        const { folder, ino } = folderOf(path);
        if (watched.get(folder)?.ino === ino) continue;
        drop(folder);
        try {
          const watcher = watch(folder, { persistent: false }, onEvent);
          watcher.on("error", () => drop(folder));
          watched.set(folder, { ino, watcher });
        } catch {
          // No inotify watches left, or no folder: polling does the work, and the next scan tries again.
        }
      }
    },
    close() {
      for (const folder of Array.from(watched.keys())) drop(folder);
    },
  };
}

/** The path itself when it is a folder, else the folder that holds it; a replaced folder has another `ino`. */
function folderOf(path: string): { readonly folder: string; readonly ino: number } {
  for (const folder of [path, dirname(path)]) {
    try {
      const stat = statSync(folder);
      if (stat.isDirectory()) return { folder, ino: stat.ino };
    } catch {
      // Not there yet; its parent may be.
    }
  }
  return { folder: dirname(path), ino: -1 };
}
