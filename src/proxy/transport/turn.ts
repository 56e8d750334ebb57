/** Collects what wants to be sent in one turn of the event loop, and sends it all when the turn's reads are done. */

/** Something with output to send. */
export interface Flushable {
  flush(): void;
}

export interface Turn {
  /** Calls `flush` once in this turn; the caller makes sure that it is not queued twice. */
  queue(item: Flushable): void;
  /** How many were flushed so far: a measure of how busy the process is. */
  readonly flushes: number;
}

/**
 * The check phase comes right after the poll phase in which sockets were read, so every frame that the reads of one
 * turn caused leaves in one write per connection, and nothing waits when there was only one read.
 */
export function createTurn(schedule: (run: () => void) => void = setImmediate): Turn {
  let waiting: Flushable[] = [];
  let spare: Flushable[] = [];
  let flushes = 0;
  const run = (): void => {
    const items = waiting;
    flushes += items.length;
    waiting = spare;
    spare = items;
    for (const item of items) item.flush();
    items.length = 0;
  };
  return {
    queue(item) {
      if (waiting.push(item) === 1) schedule(run);
    },
    get flushes() {
      return flushes;
    },
  };
}
