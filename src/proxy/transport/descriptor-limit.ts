/** How many descriptors the kernel lets this process have; an operator may change it while it runs. */
import { readFileSync } from "node:fs";

/** Undefined where the kernel does not tell, or has no descriptor left to read it by. */
export function readDescriptorLimit(): number | undefined {
  try {
    const [, soft] =
      /^Max open files +(\d+) /m.exec(readFileSync("/proc/self/limits", "latin1")) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
