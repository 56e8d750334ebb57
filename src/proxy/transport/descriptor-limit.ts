/** How many descriptors the kernel lets this process have; an operator may change it while it runs. */
import { openKeptFile } from "../../core/kept-file.ts";

/** The reader gives undefined where the kernel does not tell. */
export function openDescriptorLimit(): () => number | undefined {
  const limits = openKeptFile("/proc/self/limits");
  return () => {
    const [, soft] = /^Max open files +(\d+) /m.exec(limits?.() ?? "") ?? [];
    return soft === undefined ? undefined : Number(soft);
  };
}
