/** How many descriptors the kernel lets this process have; an operator may change it while it runs. */
import { openSync, readSync } from "node:fs";

/**
 * The reader gives undefined where the kernel does not tell. The file stays open: when there is no descriptor left, the
 * limit must still be seen.
 */
export function openDescriptorLimit(): () => number | undefined {
  const file = openLimits();
  const buffer = Buffer.alloc(4_096);
  return () => {
    if (file === undefined) return undefined;
    const length = readSync(file, buffer, 0, buffer.length, 0);
    const [, soft] = /^Max open files +(\d+) /m.exec(buffer.toString("latin1", 0, length)) ?? [];
    return soft === undefined ? undefined : Number(soft);
  };
}

function openLimits(): number | undefined {
  try {
    return openSync("/proc/self/limits", "r");
  } catch {
    return undefined;
  }
}
