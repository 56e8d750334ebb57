/** Kubernetes quantities (`100m`, `64Mi`, `1.5`), as far as two of them must be compared. */

const factors: Readonly<Record<string, number>> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** The number that the text stands for; undefined when it is not a positive quantity. */
export function parseQuantity(text: string): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,9})?)([A-Za-z]{0,2})$/.exec(text);
  const factor = factors[match?.[2] ?? "?"];
  if (match === null || factor === undefined) return undefined;
  const value = Number(match[1]) * factor;
  return value > 0 ? value : undefined;
}
