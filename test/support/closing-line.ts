/** The last line of a test run, and the exit code that it stands for. */

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Prints `N passed, N failed`; in CI a skipped test is a failure, since CI installs all that tests need. */
export function closingLine(counts: TestCounts, inCi: boolean): number {
  if (inCi && counts.skipped > 0) {
    process.stdout.write(`${counts.skipped} tests were skipped, which CI does not allow\n`);
  }
  const failed = counts.failed + (inCi ? counts.skipped : 0);
  const skipped = inCi || counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`;
  process.stdout.write(`\n${counts.passed} passed, ${failed} failed${skipped}\n`);
  return failed > 0 || counts.passed === 0 ? 1 : 0;
}
