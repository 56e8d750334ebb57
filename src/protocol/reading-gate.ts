/** Byte gear. Stops the reading of a connection whose owner is behind, and lets it go on when half a window is free. */
import type { EngineHost } from "./exchange.ts";

export class ReadingGate {
  readonly #host: EngineHost;
  readonly #window: number;
  #paused = false;

  constructor(host: EngineHost, window: number) {
    this.#host = host;
    this.#window = window;
  }

  /** `ungranted` bytes wait for the owner; `blocked` when nothing could be done with more of them. */
  update(ungranted: number, blocked = false): void {
    if (!this.#paused && (blocked || ungranted >= this.#window)) {
      this.#paused = true;
      this.#host.pauseReading();
    } else if (!blocked && ungranted <= this.#window / 2) this.open();
  }

  open(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#host.resumeReading();
  }
}
