/** What an outside judge found, told by its test as a diagnostic, so that `npm run conformance` can make a table of it. */
import type { TestContext } from "node:test";

export interface Verdict {
  readonly passed: number;
  readonly of: number;
  /** What is not passed, and why, where there is a reason. */
  readonly notPassed: readonly string[];
}

const mark = "verdict ";

export function tellVerdict(context: TestContext, verdict: Verdict): void {
  context.diagnostic(`${mark}${JSON.stringify(verdict)}`);
}

/** Undefined for diagnostics that are no verdict. */
export function readVerdict(message: string): Verdict | undefined {
  return message.startsWith(mark) ? (JSON.parse(message.slice(mark.length)) as Verdict) : undefined;
}
