/**
 * The number of a process as /proc shows it. Inside a user namespace this program lives in a process namespace of its
 * own, with its own numbers, but under the host's /proc: so everything that is told, recorded or looked up uses those.
 */
import { readFileSync, readlinkSync } from "node:fs";

/** This process. */
export function ownProcessNumber(): number {
  return Number(readlinkSync("/proc/self"));
}

/** A child of this process by the number that starting it gave; the same number when it is not found. */
export function processNumberOf(child: number): number {
  const own = ownProcessNumber();
  if (own === process.pid) return child;
  // proc_pid_status(5): NSpid lists a process's numbers from the namespace of /proc inwards.
  const depth = numbersOf(own).length - 1;
  const children = readOr(`/proc/${own}/task/${own}/children`).trim().split(" ");
  return children.map(Number).find((number) => numbersOf(number)[depth] === child) ?? child;
}

function numbersOf(process: number): readonly number[] {
  const [, numbers = ""] = /^NSpid:\s+(.*)$/m.exec(readOr(`/proc/${process}/status`)) ?? [];
  return numbers.split(/\s+/).map(Number);
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
