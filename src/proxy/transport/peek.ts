/** Byte gear. Holds what a client sends until somebody knows which engine should read it. */
import type { Engine, EngineHost, Reset } from "../../protocol/exchange.ts";

/** Enough to tell every protocol that we know apart; a client that sends more waits until the decision is made. */
const windowBytes = 4_096;

export interface PeekEvents {
  /** More bytes came; `seen` is all of them. */
  onBytes(seen: Buffer): void;
  /** The client will send nothing more. */
  onEnd(): void;
  onClosed(reset: Reset): void;
}

export class PeekEngine implements Engine {
  readonly active = 0;
  seen: Buffer = Buffer.alloc(0);
  ended = false;
  /** Set when the connection is lost. */
  reset: Reset | undefined;
  events: PeekEvents | undefined;
  readonly #host: EngineHost;
  #draining = false;

  constructor(host: EngineHost) {
    this.#host = host;
  }

  receive(chunk: Buffer): void {
    this.seen = Buffer.concat([this.seen, chunk]);
    if (this.seen.length >= windowBytes) this.#host.pauseReading();
    this.events?.onBytes(this.seen);
  }

  receiveEnd(): void {
    this.ended = true;
    this.events?.onEnd();
  }

  flushed(): void {}

  closed(reset: Reset): void {
    this.reset = reset;
    this.events?.onClosed(reset);
  }

  tick(): void {}

  /** Nothing was asked for yet, so a connection that said nothing may simply go. */
  drain(): void {
    if (this.#draining || this.seen.length > 0) return;
    this.#draining = true;
    this.#host.finish();
  }
}

/** Puts the real engine on the connection and shows it what was seen so far. */
export function replayInto(engine: Engine, peek: PeekEngine, host: EngineHost): void {
  if (peek.seen.length >= windowBytes) host.resumeReading();
  if (peek.seen.length > 0) engine.receive(peek.seen);
  if (peek.ended) engine.receiveEnd();
  if (peek.reset !== undefined) engine.closed(peek.reset);
}
