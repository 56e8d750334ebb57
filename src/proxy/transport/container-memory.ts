/** What the kernel counts against the container's limit of memory: also the buffers of sockets, which no heap knows of. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openKeptFile } from "../../core/kept-file.ts";

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

/** In bytes. */
export interface ContainerMemory {
  /** Without caches of files. */
  readonly used: number;
  /** Infinity when it was taken away. */
  readonly limit: number;
}

/**
 * Reads what is in use of the limit; undefined where there is no limit, or no control group to be seen. The limit is
 * read each time: Kubernetes may resize a container that runs.
 */
export function openContainerMemory(root = "/sys/fs/cgroup"): (() => ContainerMemory) | undefined {
  const version = versions.find(({ limit }) => isLimit(readOnce(join(root, limit))));
  if (version === undefined) return undefined;
  const readLimit = openKeptFile(join(root, version.limit));
  const readUsage = openKeptFile(join(root, version.usage));
  const readStat = openKeptFile(join(root, version.stat));
  return () => {
    const fields = readStat?.() ?? "";
    const cached = version.caches.reduce((sum, name) => sum + readField(fields, name), 0);
    const limit = readLimit?.() ?? "";
    return {
      used: Math.max(0, toNumber(readUsage?.()) - cached),
      limit: isLimit(limit) ? toNumber(limit) : Number.POSITIVE_INFINITY,
    };
  };
}

function isLimit(text: string): boolean {
  return /^\d+\n?$/.test(text) && toNumber(text) < unlimited;
}

function toNumber(text = ""): number {
  return Number.parseInt(text, 10) || 0;
}

function readField(fields: string, name: string): number {
  return toNumber(new RegExp(`^${name} (\\d+)$`, "m").exec(fields)?.[1]);
}

function readOnce(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
