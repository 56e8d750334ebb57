/** The grpc-timeout field: at most eight digits and a unit. */

const unitMillis: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/** Milliseconds, fractions included; undefined for anything but the form of the specification. */
export function parseGrpcTimeout(text: string): number | undefined {
  const match = /^([0-9]{1,8})([HMSmun])$/.exec(text);
  const unit = unitMillis[match?.[2] ?? ""];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

/** The finest unit that fits in eight digits, rounded up: a deadline of our own comes first. */
export function formatGrpcTimeout(millis: number): string {
  for (const unit of ["m", "S", "M"] as const) {
    const count = Math.max(1, Math.ceil(millis / (unitMillis[unit] ?? 1)));
    if (count < 100_000_000) return `${count}${unit}`;
  }
  return `${Math.min(99_999_999, Math.ceil(millis / 3_600_000))}H`;
}
