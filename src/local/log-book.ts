/** The newest lines of every container, and whoever wants to hear the next ones. */

export interface LogLine {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly text: string;
}

/** Begins the runner's own remarks between the lines of a container. */
export const remarkPrefix = "[remora] ";

/** Lines that are kept of one container; enough to read back a start, and about a megabyte at worst. */
const keptLines = 2_000;

export class LogBook {
  readonly #lines = new Map<string, LogLine[]>();
  readonly #listeners = new Set<(line: LogLine) => void>();

  append(line: LogLine): void {
    const key = keyOf(line);
    const lines = this.#lines.get(key) ?? [];
    this.#lines.set(key, lines);
    lines.push(line);
    // Cut in blocks: shifting by one line each time would cost as much as the lines.
    if (lines.length > keptLines * 1.25) lines.splice(0, lines.length - keptLines);
    for (const listener of Array.from(this.#listeners)) listener(line);
  }

  /** The kept lines of one container, oldest first. */
  read(from: Omit<LogLine, "text">): readonly LogLine[] {
    return this.#lines.get(keyOf(from)) ?? [];
  }

  /** Forgets a pod that is gone. */
  forget(namespace: string, pod: string): void {
    const prefix = keyOf({ namespace, pod, container: "" });
    for (const key of Array.from(this.#lines.keys())) {
      if (key.startsWith(prefix)) this.#lines.delete(key);
    }
  }

  /** Calls back for every line of every container; the result ends the subscription. */
  follow(listener: (line: LogLine) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

function keyOf({ namespace, pod, container }: Omit<LogLine, "text">): string {
  return `${namespace}/${pod}/${container}`;
}
