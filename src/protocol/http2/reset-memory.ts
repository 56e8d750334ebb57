/** Byte gear. Which streams ended by RST_STREAM of late, and whose: frames that come after mean different things. */
import { dropOldest } from "../../core/drop-oldest.ts";

/** Several times what may be open at once; a frame for an older stream is no longer "on its way". */
const remembered = 1_024;

export class ResetMemory {
  /** By stream: true when the RST_STREAM was ours. Made with the first reset: most connections see none. */
  #streams: Map<number, boolean> | undefined = undefined;

  remember(streamId: number, ours: boolean): void {
    this.#streams ??= new Map();
    this.#streams.set(streamId, ours);
    dropOldest(this.#streams, remembered);
  }

  /** False when it was the peer's, undefined when there was none or it is too long ago. */
  resetByUs(streamId: number): boolean | undefined {
    return this.#streams?.get(streamId);
  }
}
