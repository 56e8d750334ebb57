/** Deletes what came first until no more than `most` are left: a Map keeps its keys in the order in which they came. */
export function dropOldest(map: Map<unknown, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}
