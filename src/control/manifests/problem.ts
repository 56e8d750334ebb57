/** What is wrong with a manifest, and where. */

export interface Problem {
  /** A `warning` is worth saying, and the object is used, or not for Remora to use; an `error` must be mended. */
  readonly severity: "error" | "warning";
  readonly file: string;
  /** From 1; 0 when the whole file is meant. */
  readonly line: number;
  readonly reason: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** `file:line: reason (hint)`, the form that editors make clickable. */
export function formatProblem(problem: Problem): string {
  const place = problem.line > 0 ? `${problem.file}:${problem.line}` : problem.file;
  const hint = problem.hint === undefined ? "" : ` (${problem.hint})`;
  return `${place}: ${problem.reason}${hint}`;
}
