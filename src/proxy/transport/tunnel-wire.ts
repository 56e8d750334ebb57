/** Byte gear. A connection inside a CONNECT exchange: lets an engine read and answer what a tunnel carries. */
import { type ByteWriter, createByteWriter } from "../../protocol/byte-writer.ts";
import type {
  Engine,
  EngineHost,
  MessageReader,
  MessageWriter,
  RequestHead,
  Reset,
  ResponseHead,
} from "../../protocol/exchange.ts";
import { Rest } from "./rest.ts";
import type { Flushable } from "./turn.ts";
import type { WireContext } from "./wire.ts";

export type TunnelProtocol = "http1" | "http2";

/** Makes the engine for what the client turned out to speak. */
export type TunnelEngineFactory = (protocol: TunnelProtocol, host: EngineHost) => Engine;

/** The first bytes of HTTP/2's preface, which no HTTP/1 request begins with (RFC 9113 3.4). */
const preface = "PRI";

export class TunnelWire implements EngineHost, Flushable, MessageReader<RequestHead> {
  readonly out: ByteWriter;
  readonly #context: WireContext;
  readonly #down: MessageWriter<ResponseHead>;
  readonly #createEngine: TunnelEngineFactory;
  readonly #tick = (): void => this.#engine?.tick();
  #engine: Engine | undefined;
  #early: Buffer = Buffer.alloc(0);
  #queued = false;
  #paused = false;
  /** Received while reading was paused, and not granted back. */
  #held = 0;
  readonly #rest = new Rest();
  /** Given to the tunnel, and not yet credited. */
  #inFlight = 0;
  #finishing = false;
  #cause: Reset | undefined;
  #over = false;

  /** Accepts the tunnel at once: what is wrong inside is answered inside. */
  constructor(
    context: WireContext,
    down: MessageWriter<ResponseHead>,
    createEngine: TunnelEngineFactory,
  ) {
    this.#context = context;
    this.#down = down;
    this.#createEngine = createEngine;
    this.out = createByteWriter(context.buffers);
    context.tickers.add(this.#tick);
    down.head({ status: 200, headers: [] }, false);
  }

  onHead(): void {}

  onData(chunk: Uint8Array, end: boolean): void {
    if (this.#over) return;
    if (chunk.length > 0) this.#receive(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    if (!end) return;
    this.#choose(true);
    this.#engine?.receiveEnd();
  }

  onTrailers(): void {
    this.onData(nothing, true);
  }

  onReset(reset: Reset): void {
    if (this.#over) return;
    this.#leave();
    this.#engine?.closed(reset);
  }

  onCredit(bytes: number): void {
    this.#inFlight -= bytes;
    if (this.#inFlight === 0) this.#engine?.flushed();
  }

  wantFlush(): void {
    if (this.#queued) return;
    this.#queued = true;
    this.#context.turn.queue(this);
  }

  flush(): void {
    this.#queued = false;
    if (this.#over) return;
    this.#readRest();
    if (this.out.length > 0) {
      const { buffer } = this.out;
      const bytes = this.out.take();
      this.#inFlight += bytes.length;
      this.#down.data(bytes, false);
      this.#context.buffers.give(buffer);
    }
    if (this.#cause !== undefined) this.#end((down, reset) => down.reset(reset), this.#cause);
    else if (this.#finishing) this.#end((down) => down.data(nothing, true), undefined);
  }

  pauseReading(): void {
    this.#paused = true;
  }

  resumeReading(): void {
    this.#paused = false;
    this.#grantHeld();
  }

  readAgain(rest: Buffer): void {
    this.#rest.keep(rest);
    this.wantFlush();
  }

  #readRest(): void {
    const rest = this.#rest.take();
    if (rest === undefined) return;
    this.#engine?.receive(rest);
    this.#grantHeld();
  }

  #grantHeld(): void {
    if (this.#paused || this.#rest.waits) return;
    if (this.#held > 0) this.#down.grant(this.#held);
    this.#held = 0;
  }

  finish(): void {
    this.#finishing = true;
    this.wantFlush();
  }

  close(reset: Reset | undefined, announced = false): void {
    if (reset !== undefined && !announced) this.#cause = reset;
    this.finish();
  }

  #receive(chunk: Buffer): void {
    if (this.#engine === undefined) {
      this.#early = Buffer.concat([this.#early, chunk]);
      this.#choose(false);
    } else if (!this.#rest.append(chunk)) {
      this.#engine.receive(chunk);
    }
    this.#held += chunk.length;
    this.#grantHeld();
  }

  #choose(ended: boolean): void {
    if (this.#engine !== undefined || (this.#early.length < preface.length && !ended)) return;
    const speaksHttp2 = this.#early.toString("latin1", 0, preface.length) === preface;
    const engine = this.#createEngine(speaksHttp2 ? "http2" : "http1", this);
    this.#engine = engine;
    if (this.#early.length > 0) engine.receive(this.#early);
    this.#early = nothing;
  }

  #end<R extends Reset | undefined>(
    say: (down: MessageWriter<ResponseHead>, reset: R) => void,
    reset: R,
  ): void {
    const engine = this.#engine;
    this.#leave();
    say(this.#down, reset);
    engine?.closed(reset ?? ended);
  }

  #leave(): void {
    this.#over = true;
    this.#context.tickers.delete(this.#tick);
  }
}

const ended: Reset = {
  code: "downstream_closed",
  http2Code: 0x0,
  detail: "the connection inside the tunnel ended",
  unprocessed: false,
};

const nothing = Buffer.alloc(0);
