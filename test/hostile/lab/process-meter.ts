/** What the kernel knows of a process: its memory now and at its highest, and the CPU time of all its threads. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

export interface ProcessMeter {
  /** Bytes of memory that no other process shares. */
  privateBytes(): number;
  /** Forgets the highest memory so far. */
  resetPeak(): void;
  /** The most resident memory since the last reset, less what it was then. */
  peakGrowth(): number;
  cpuMillis(): number;
  /** Open file descriptors. */
  descriptors(): number;
  readonly alive: boolean;
}

export function meterProcess(pid: number): ProcessMeter {
  const status = (name: string): number => {
    const text = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1]) * 1024;
  };
  let before = status("VmHWM");
  return {
    privateBytes: () => {
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
      return Number(/^Anonymous:\s+(\d+) kB/m.exec(rollup)?.[1]) * 1024;
    },
    resetPeak() {
      // 5 resets the high-water mark (proc_pid_clear_refs(5)).
      writeFileSync(`/proc/${pid}/clear_refs`, "5");
      before = status("VmHWM");
    },
    peakGrowth: () => status("VmHWM") - before,
    cpuMillis: () =>
      readdirSync(`/proc/${pid}/task`).reduce((sum, task) => sum + readRunNanos(pid, task), 0) /
      1e6,
    descriptors: () => readdirSync(`/proc/${pid}/fd`).length,
    get alive() {
      try {
        return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
      } catch {
        return false;
      }
    },
  };
}

/** CPU time of the thread that runs JavaScript, on which everything that a client waits for is done. */
export function mainThreadMillis(pid: number): number {
  return readRunNanos(pid, String(pid)) / 1e6;
}

function readRunNanos(pid: number, task: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
  } catch {
    // The thread has just ended.
    return 0;
  }
}
