/** The control groups below which the kubelet keeps those of pods. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const mounted = "/sys/fs/cgroup";
const patience = 30_000;

/** One folder in each hierarchy of version 1, or the one of version 2 with what pods need. */
export function createCgroups(name: string): void {
  for (const hierarchy of hierarchies()) mkdirSync(join(hierarchy, name), { recursive: true });
  if (!isUnified()) return;
  for (const folder of [mounted, join(mounted, name)]) {
    const control = join(folder, "cgroup.subtree_control");
    const available = readFileSync(join(folder, "cgroup.controllers"), "utf8").trim().split(" ");
    for (const controller of available) {
      try {
        writeFileSync(control, `+${controller}`);
      } catch {
        // A controller that this machine keeps for itself; the kubelet names those that it cannot do without.
      }
    }
  }
}

/** Removes them from the leaves up, once their processes have ended. */
export async function removeCgroups(name: string): Promise<void> {
  const end = performance.now() + patience;
  for (const hierarchy of hierarchies()) {
    const folder = join(hierarchy, name);
    for (;;) {
      const busy = removeTree(folder);
      if (busy === undefined) break;
      if (performance.now() > end) throw new Error(`${busy} still holds processes`);
      await delay(20);
    }
  }
}

function removeTree(folder: string): string | undefined {
  if (!existsSync(folder)) return undefined;
  const below = readdirSync(folder, { withFileTypes: true }).filter((one) => one.isDirectory());
  for (const { name } of below) {
    const busy = removeTree(join(folder, name));
    if (busy !== undefined) return busy;
  }
  try {
    rmdirSync(folder);
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    return folder;
  }
}

function isUnified(): boolean {
  return existsSync(join(mounted, "cgroup.controllers"));
}

function hierarchies(): readonly string[] {
  if (isUnified()) return [mounted];
  const names = readdirSync(mounted).filter((name) =>
    existsSync(join(mounted, name, "cgroup.procs")),
  );
  return names.map((name) => join(mounted, name));
}
