/** Makes a directory of the host reachable inside containers for every uid. */
import { realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Mount } from "./launch-spec.ts";

/**
 * The mounts with which `path` (a checkout, a program) can be reached at the same place by any user of a container:
 * private `/tmp` and `/run` would hide it, and a home directory with mode 0700 would lock it. What else is in a locked
 * directory stays hidden. The mounts are read-only.
 */
export function exposePath(path: string): readonly Mount[] {
  const real = realpathSync(path);
  const ancestors = listAncestors(real);
  const locked = ancestors.find((directory) => (statSync(directory).mode & 0o001) === 0);
  const hidden = ancestors.some((directory) => directory === "/tmp" || directory === "/run");
  const bind: Mount = { kind: "bind", source: real, target: real, readOnly: true };
  if (hidden) return [bind];
  if (locked === undefined) return [];
  return [{ kind: "tmpfs", target: locked, mode: 0o755 }, bind];
}

/** From the outermost below `/` to the parent. */
function listAncestors(path: string): readonly string[] {
  const parent = dirname(path);
  return parent === "/" ? [] : [...listAncestors(parent), parent];
}
