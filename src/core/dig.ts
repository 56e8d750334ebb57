/** What stands at a path of names in an object of unknown shape; undefined where there is no such thing. */
export function dig(value: unknown, ...path: readonly string[]): unknown {
  let at = value;
  for (const name of path) {
    const isObject = typeof at === "object" && at !== null && !Array.isArray(at);
    at = isObject ? (at as Record<string, unknown>)[name] : undefined;
  }
  return at;
}
