/** The newest lines of every container, and whoever wants to hear the next ones. */

export interface LogLine {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly text: string;
}

/** Begins the runner's own remarks between the lines of a container. */
export const remarkPrefix = "[remora] ";

/** What is kept of one container: enough to read back a start, and little enough to keep for hundreds of them. */
const keptCharacters = 512 * 1024;

interface Shelf {
  readonly lines: LogLine[];
  characters: number;
}

export class LogBook {
  readonly #shelves = new Map<string, Shelf>();
  readonly #listeners = new Set<(line: LogLine) => void>();

  append(line: LogLine): void {
    const key = keyOf(line);
    const shelf = this.#shelves.get(key) ?? { lines: [], characters: 0 };
    this.#shelves.set(key, shelf);
    shelf.lines.push(line);
    shelf.characters += sizeOf(line);
    // Cut to half at once: a cut for each line would cost more than the lines.
    if (shelf.characters > keptCharacters) cutToHalf(shelf);
    for (const listener of Array.from(this.#listeners)) listener(line);
  }

  /** The kept lines of one container, oldest first. */
  read(from: Omit<LogLine, "text">): readonly LogLine[] {
    return this.#shelves.get(keyOf(from))?.lines ?? [];
  }

  /** Forgets a pod that is gone. */
  forget(namespace: string, pod: string): void {
    const prefix = keyOf({ namespace, pod, container: "" });
    for (const key of Array.from(this.#shelves.keys())) {
      if (key.startsWith(prefix)) this.#shelves.delete(key);
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

/** An empty line costs something too. */
function sizeOf(line: LogLine): number {
  return line.text.length + 32;
}

function cutToHalf(shelf: Shelf): void {
  let count = 0;
  for (const line of shelf.lines) {
    if (shelf.characters <= keptCharacters / 2) break;
    shelf.characters -= sizeOf(line);
    count += 1;
  }
  shelf.lines.splice(0, count);
}
