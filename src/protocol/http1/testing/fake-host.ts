/** A transport made of strings, so that a test is a conversation in bytes. */
import { type ByteWriter, createByteWriter } from "../../byte-writer.ts";
import type { Engine, EngineHost, Reset } from "../../exchange.ts";

/** How the bytes of one `sends` are cut into chunks. */
export type Splitter = (bytes: Buffer) => Buffer[];

export const inOnePiece: Splitter = (bytes) => [bytes];
export const byteByByte: Splitter = (bytes) =>
  Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));

/** Cuts at places drawn from a small generator, the same for the same seed. */
export function randomly(seed: number): Splitter {
  let state = seed >>> 0 || 1;
  return (bytes) => {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      const length = 1 + ((state >>> 16) % 24);
      pieces.push(bytes.subarray(at, at + length));
      at += length;
    }
    return pieces;
  };
}

/** The host of one engine; it flushes at once unless `holdsBack` is set. */
export class FakeHost implements EngineHost {
  readonly out: ByteWriter = createByteWriter();
  /** Everything the engine has sent, as latin1. */
  sent = "";
  paused = false;
  finished = false;
  isClosed = false;
  /** What `close` was called with. */
  closeReset: Reset | undefined;
  /** Keeps written bytes in `out` until `flush`. */
  holdsBack = false;
  engine: Engine | undefined;
  #wantsFlush = false;

  wantFlush(): void {
    this.#wantsFlush = true;
  }

  pauseReading(): void {
    this.paused = true;
  }

  resumeReading(): void {
    this.paused = false;
  }

  /** Only HTTP/2 asks for it. */
  readAgain(): void {
    throw new Error("an engine of HTTP/1 takes all at once");
  }

  finish(): void {
    this.finished = true;
  }

  close(reset: Reset | undefined): void {
    this.isClosed = true;
    this.closeReset ??= reset;
  }

  /** What a transport does at the end of each turn. */
  turn(): void {
    while (this.#wantsFlush && !this.holdsBack) this.flush();
  }

  flush(): void {
    this.#wantsFlush = false;
    this.sent += this.out.take().toString("latin1");
    this.engine?.flushed();
  }
}

/** The other end of the connection. */
export class Peer {
  readonly host: FakeHost;
  readonly #engine: Engine;
  readonly #split: Splitter;
  #seen = 0;

  constructor(engine: Engine, host: FakeHost, split: Splitter = inOnePiece) {
    this.#engine = engine;
    this.host = host;
    this.#split = split;
    host.engine = engine;
  }

  sends(text: string): this {
    for (const piece of this.#split(Buffer.from(text, "latin1"))) {
      // A copy with poison behind it: views are valid during the call only.
      const chunk = Buffer.from(piece);
      this.#engine.receive(chunk);
      chunk.fill(0xee);
      this.host.turn();
    }
    return this;
  }

  ends(): this {
    this.#engine.receiveEnd();
    this.host.turn();
    return this;
  }

  /** What was sent to this peer since the last call. */
  hears(): string {
    this.host.turn();
    const heard = this.host.sent.slice(this.#seen);
    this.#seen = this.host.sent.length;
    return heard;
  }
}
