/** What a series of samples does over time: the straight line through it. */

export interface Sample {
  readonly seconds: number;
  readonly value: number;
}

export interface Trend {
  /** By how much the line rises from the first sample to the last. */
  readonly rise: number;
  readonly mean: number;
  readonly samples: number;
}

/** Least squares; what happened before `from` is warming up and does not count. */
export function trendOf(samples: readonly Sample[], from: number): Trend {
  const counted = samples.filter(({ seconds }) => seconds >= from);
  const first = counted[0];
  const last = counted.at(-1);
  if (first === undefined || last === undefined) return { rise: 0, mean: 0, samples: 0 };
  const middle = average(counted.map(({ seconds }) => seconds));
  const mean = average(counted.map(({ value }) => value));
  let covariance = 0;
  let variance = 0;
  for (const { seconds, value } of counted) {
    covariance += (seconds - middle) * (value - mean);
    variance += (seconds - middle) ** 2;
  }
  const slope = variance === 0 ? 0 : covariance / variance;
  return { rise: slope * (last.seconds - first.seconds), mean, samples: counted.length };
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
