/** What an outside judge found, told by its test as a diagnostic, so that `npm run conformance` can make a table of it. */
import type { TestContext } from "node:test";

export interface Verdict {
  /** The judge's name, a key of `versions.ts`. */
  readonly judge: string;
  /** What was judged. */
  readonly against: string;
  readonly passed: number;
  readonly of: number;
  /** What did not pass, and why. */
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

/** Joins the verdicts of one judge about one thing, in the order in which they came. */
export function joinVerdicts(verdicts: readonly Verdict[]): readonly Verdict[] {
  const rows = new Map<string, Verdict>();
  for (const verdict of verdicts) {
    const key = `${verdict.judge}\n${verdict.against}`;
    const { passed = 0, of = 0, notPassed = [] } = rows.get(key) ?? {};
    rows.set(key, {
      ...verdict,
      passed: passed + verdict.passed,
      of: of + verdict.of,
      notPassed: [...notPassed, ...verdict.notPassed],
    });
  }
  return [...rows.values()];
}
