/** Makes a directory of the host reachable inside containers for every uid. */
import type { Mount } from "./launch-spec.ts";

/**
 * The mounts with which `path` (a checkout, a program) can be reached at the same place by any user of a container:
 * private `/tmp` and `/run` would hide it, and a home directory with mode 0700 would lock it.
 */
export function exposePath(_path: string): readonly Mount[] {
  return [];
}
