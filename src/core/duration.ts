/** Lengths of time as people write them (`1500ms`, `5s`, `2m`, `1h`), kept in milliseconds. */

declare const millisBrand: unique symbol;
export type Millis = number & { readonly [millisBrand]: true };

const unitMillis: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Gives undefined unless the text is a whole or decimal number with one of the units ms, s, m, h. */
export function parseDuration(text: string): Millis | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  const unit = unitMillis[match?.[2] ?? ""];
  if (match === null || unit === undefined) return undefined;
  return Math.round(Number(match[1]) * unit) as Millis;
}

export function seconds(count: number): Millis {
  return (count * 1_000) as Millis;
}

export function millis(count: number): Millis {
  return count as Millis;
}
