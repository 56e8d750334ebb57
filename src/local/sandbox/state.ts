/**
 * What a mesh has on this machine, in a directory per mesh (`/run/remora/MESH`, or below XDG_RUNTIME_DIR for people who
 * are not root): written before a thing is made, so that the next start can remove what a killed mesh left.
 */

/** A process, safe against a reused pid. */
export interface ProcessMark {
  readonly pid: number;
  /** Clock ticks since boot, from /proc/PID/stat. */
  readonly startTime: string;
}

export interface MeshState {
  /** Private to the owner; also the place for the runner's socket, logs and prepared volumes. */
  readonly directory: string;
  /** Remembers a container, so that leftovers of it can be ended. */
  recordProcess(pid: number): void;
  forgetProcess(pid: number): void;
  /** Removes the directory. */
  close(): void;
}

/** `/run/remora` for root, else `$XDG_RUNTIME_DIR/remora` or `/tmp/remora-UID`. */
export function stateRoot(_environment: Readonly<Record<string, string | undefined>>): string {
  throw new Error("state is not built");
}

/** Claims the mesh's name for this process; throws with one sentence when another live process holds it. Leftovers are removed first. */
export function openMeshState(_root: string, _mesh: string): MeshState {
  throw new Error("state is not built");
}

/** The owner of a running mesh, or undefined when no live process holds it. */
export function findMeshOwner(_root: string, _mesh: string): ProcessMark | undefined {
  throw new Error("state is not built");
}

/** Meshes with a state directory, running or left over. */
export function listMeshes(_root: string): string[] {
  throw new Error("state is not built");
}

/** Ends what a dead mesh left (processes, files). Does nothing for a mesh whose owner lives. */
export function removeLeftovers(_root: string, _mesh: string): Promise<void> {
  throw new Error("state is not built");
}
