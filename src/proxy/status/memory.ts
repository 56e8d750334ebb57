/** Gives memory back: V8 keeps what a start or a burst took until something asks it to look. */
import { trimMemory } from "../../core/ffi/trim-memory.ts";
import type { WireContext } from "../transport/wire.ts";

/** Writes per second from which on a sidecar counts as busy: below it, garbage collects slower than it matters. */
const busyFlushes = 200;

/** A pause in the load of this many seconds ends a burst; a collection costs about 20 ms, so it must be worth it. */
const quietSeconds = 20;

/**
 * The collection that also shrinks the young generation and drops compiled code that was not used lately. What it frees
 * outside of V8's heap lies between what lives, and has to be given back too.
 */
export function releaseMemory(): void {
  const gc = globalThis.gc as ((options?: object) => void) | undefined;
  gc?.({ type: "major", flavor: "last-resort" });
  trimMemory();
}

/** Releases memory once after each burst. */
export function releaseWhenQuiet(context: WireContext, release: () => void = releaseMemory): void {
  let seen = context.turn.flushes;
  let busy = false;
  let quiet = 0;
  context.tickers.add(() => {
    const flushes = context.turn.flushes - seen;
    seen = context.turn.flushes;
    if (flushes >= busyFlushes) {
      busy = true;
      quiet = 0;
    } else if (busy && ++quiet >= quietSeconds) {
      busy = false;
      quiet = 0;
      context.buffers.clear();
      release();
    }
  });
}

/** So many connections more than at the last time are worth a look through all of malloc's memory, a millisecond or two. */
const grownBy = 256;

/** Seconds after such a growth: V8 compiles what the new connections run for about as long, in memory of malloc's too. */
const looksAfterGrowth: ReadonlySet<number> = new Set([0, 4, 8, 12]);

/**
 * Gives back what a burst of new connections took to be opened and answered for the first time, 5 KB for each, and what it
 * took to compile their work, 4 MB: those that stay will not need it again, and quiet may never come.
 */
export function trimAfterGrowth(
  { wires, tickers }: Pick<WireContext, "wires" | "tickers">,
  trim: () => void = trimMemory,
): void {
  let before = 0;
  let sinceGrowth = Number.POSITIVE_INFINITY;
  tickers.add(() => {
    before = Math.min(before, wires.size);
    sinceGrowth += 1;
    if (wires.size - before >= grownBy) {
      before = wires.size;
      sinceGrowth = 0;
    }
    if (looksAfterGrowth.has(sinceGrowth)) trim();
  });
}
