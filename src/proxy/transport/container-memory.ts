/** What the kernel counts against the container's limit of memory: also the buffers of sockets, which no heap knows of. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

interface Version {
  readonly limit: string;
  readonly usage: string;
  readonly stat: string;
  /** Caches of files, which the kernel drops before it kills. */
  readonly caches: readonly string[];
}

const versions: readonly Version[] = [
  {
    limit: "memory.max",
    usage: "memory.current",
    stat: "memory.stat",
    caches: ["active_file", "inactive_file"],
  },
  {
    limit: "memory/memory.limit_in_bytes",
    usage: "memory/memory.usage_in_bytes",
    stat: "memory/memory.stat",
    caches: ["total_active_file", "total_inactive_file"],
  },
];

/** More than any machine has; version 1 writes "no limit" as a number. */
const unlimited = 2 ** 53;

/** Reads the share of the limit that is in use; undefined where there is no limit, or no control group to be seen. */
export function openContainerMemory(root = "/sys/fs/cgroup"): (() => number) | undefined {
  for (const { limit, usage, stat, caches } of versions) {
    const most = readNumber(join(root, limit));
    if (most === undefined || most >= unlimited) continue;
    return () => {
      const used = readNumber(join(root, usage)) ?? 0;
      const fields = readText(join(root, stat));
      const cached = caches.reduce((sum, name) => sum + readField(fields, name), 0);
      return Math.max(0, used - cached) / most;
    };
  }
  return undefined;
}

function readNumber(file: string): number | undefined {
  const text = readText(file).trim();
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

function readField(fields: string, name: string): number {
  const [, value = "0"] = new RegExp(`^${name} (\\d+)$`, "m").exec(fields) ?? [];
  return Number(value);
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
