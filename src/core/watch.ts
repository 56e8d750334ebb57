/** Knowledge that changes: a current value that is read at once, and listeners that hear of the next one. */

export interface Watch<T> {
  /** The newest value; immutable, so it may be kept as long as one needs a consistent view. */
  current(): T;
  /** Calls back after every change, not for the current value. The result ends the subscription. */
  subscribe(listener: (value: T) => void): () => void;
}

export interface WatchSource<T> extends Watch<T> {
  set(value: T): void;
}

/** Makes a watch that holds `initial` until `set` is called; equal values (`===`) are not announced. */
export function createWatch<T>(initial: T): WatchSource<T> {
  let value = initial;
  const listeners = new Set<(value: T) => void>();
  return {
    current: () => value,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    set(next) {
      if (next === value) return;
      value = next;
      for (const listener of Array.from(listeners)) listener(next);
    },
  };
}
