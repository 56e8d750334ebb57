/** Manifests from files and folders of the disk. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { objectKey } from "../model/object-delta.ts";
import { type ManifestObject, type Manifests, parseManifests } from "./parse.ts";
import type { Problem } from "./problem.ts";

/** Kubernetes takes objects of 1.5 MB at most; a file that is bigger is not a manifest that a person wrote. */
const maxFileBytes = 8 * 1024 * 1024;

/**
 * Reads files, and of folders every `.yaml`, `.yml` and `.json` file that is not hidden, in the order of their names
 * and without sub-folders, as kubectl does. Never throws: what cannot be read is a problem.
 */
export function loadManifests(paths: readonly string[]): Manifests {
  const { files, problems } = listFiles(paths);
  return mergeManifests([{ objects: [], problems }, ...files.map(readManifests)]);
}

export interface FileList {
  readonly files: readonly string[];
  readonly problems: readonly Problem[];
}

/** The manifest files that the paths stand for; each once. */
export function listFiles(paths: readonly string[]): FileList {
  const files = new Set<string>();
  const problems: Problem[] = [];
  for (const path of paths) {
    try {
      if (!statSync(path).isDirectory()) files.add(path);
      else for (const name of manifestNames(path)) files.add(join(path, name));
    } catch (error) {
      problems.push(unreadable(path, error));
    }
  }
  return { files: Array.from(files), problems };
}

/** One file's objects and problems. */
export function readManifests(file: string): Manifests {
  try {
    if (statSync(file).size > maxFileBytes) {
      const reason = `is larger than ${maxFileBytes / 1024 / 1024} MB`;
      return { objects: [], problems: [{ severity: "error", file, line: 0, reason }] };
    }
    return parseManifests(readFileSync(file, "utf8"), file);
  } catch (error) {
    return { objects: [], problems: [unreadable(file, error)] };
  }
}

/** Puts files together; an object that was already defined is a problem and left out. */
export function mergeManifests(files: readonly Manifests[]): Manifests {
  const objects = new Map<string, ManifestObject>();
  const problems: Problem[] = files.flatMap((file) => file.problems);
  for (const item of files.flatMap((file) => file.objects)) {
    const key = objectKey(item.object);
    const first = objects.get(key);
    if (first === undefined) objects.set(key, item);
    else {
      const reason = `${key} is already defined at ${first.file}:${first.line}`;
      problems.push({ severity: "error", file: item.file, line: item.line, reason });
    }
  }
  return { objects: Array.from(objects.values()), problems };
}

function manifestNames(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith("."))
    .filter(({ name }) => [".yaml", ".yml", ".json"].includes(extname(name)))
    .map(({ name }) => name)
    .sort();
}

function unreadable(file: string, error: unknown): Problem {
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = code === "ENOENT" ? "no such file or folder" : `cannot be read: ${message}`;
  return { severity: "error", file, line: 0, reason };
}
