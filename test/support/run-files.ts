/** Runs test files, prints what they say, and counts. */
import { compose } from "node:stream";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import type { TestCounts } from "./closing-line.ts";

export interface RunOptions {
  /** Files at once. */
  readonly concurrency: number;
  /** Milliseconds for one test. */
  readonly timeout?: number;
  /** The environment of the files; this process's own without it. */
  readonly env?: NodeJS.ProcessEnv;
  /** Says everything at the end, for a run beside another one. */
  readonly late?: boolean;
}

export async function runFiles(
  files: readonly string[],
  { concurrency, timeout = 600_000, env, late = false }: RunOptions,
): Promise<TestCounts> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  if (files.length === 0) return counts;
  const events = run({
    files: [...files].sort(),
    concurrency,
    timeout,
    ...(env === undefined ? {} : { env }),
  });
  events.on("test:pass", (event) => {
    if (event.details.type === "suite") return;
    if (event.skip === undefined) counts.passed += 1;
    else counts.skipped += 1;
  });
  events.on("test:fail", (event) => {
    if (event.details.type !== "suite") counts.failed += 1;
  });
  const kept: string[] = [];
  for await (const text of compose(events, spec())) {
    if (late) kept.push(text as string);
    else process.stdout.write(text as string);
  }
  process.stdout.write(kept.join(""));
  return counts;
}

export function addCounts(a: TestCounts, b: TestCounts): TestCounts {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  };
}
