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
  // Kept and written over: an array that is emptied loses its room and has to grow again in the next turn.
  let waiting: (Flushable | undefined)[] = [];
  let spare: (Flushable | undefined)[] = [];
  let count = 0;
  let flushes = 0;
  const run = (): void => {
    const items = waiting;
    const last = count;
    flushes += last;
    waiting = spare;
    spare = items;
    count = 0;
    for (let index = 0; index < last; index += 1) {
      const item = items[index];
      items[index] = undefined;
      item?.flush();
    }
  };
  return {
    queue(item) {
      waiting[count] = item;
      count += 1;
      if (count === 1) schedule(run);
    },
    get flushes() {
      return flushes;
    },
  };
}
