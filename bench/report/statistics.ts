/** Medians over rounds, and how far the rounds lie apart. */

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly rounds: number;
}

/** Undefined when no round gave a number. */
export function summarize(values: readonly number[]): Summary | undefined {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  const lower = sorted.length % 2 === 0 ? sorted[middle - 1] : upper;
  if (upper === undefined || lower === undefined) return undefined;
  return {
    median: (lower + upper) / 2,
    min: sorted[0] ?? upper,
    max: sorted.at(-1) ?? upper,
    rounds: sorted.length,
  };
}
