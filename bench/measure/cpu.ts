/** CPU time of a process, to the nanosecond. */
import { readdirSync, readFileSync } from "node:fs";

/** Run time of all threads that live now; the peers here keep their threads for as long as they live. */
export function cpuNanoseconds(pid: number): number {
  let total = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const [ran = "0"] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ");
    total += Number(ran);
  }
  return total;
}

export function totalCpu(programs: readonly { readonly pid: number }[]): number {
  return programs.reduce((sum, program) => sum + cpuNanoseconds(program.pid), 0);
}
