/** Byte gear. Drives a protocol engine over a socket: feeds it what arrives, sends once per turn what it wrote. */

import type { Socket } from "node:net";
import type { Bag } from "../../core/churn-set.ts";
import { type Millis, millis } from "../../core/duration.ts";
import { monotonicNow } from "../../core/monotonic.ts";
import type { BufferPool } from "../../protocol/buffer-pool.ts";
import { type ByteWriter, createByteWriter } from "../../protocol/byte-writer.ts";
import type { Engine, EngineHost, Reset } from "../../protocol/exchange.ts";
import type { Http1Stats } from "../../protocol/http1/stats.ts";
import type { Http2Settings } from "../../protocol/http2/settings.ts";
import { type DirectWriter, unable, written } from "./direct-write.ts";
import { connectionError } from "./node-error.ts";
import { type ReceiveBuffer, type Receiver, youngBytes } from "./receive-buffer.ts";
import { resetSocket } from "./reset-socket.ts";
import { Rest } from "./rest.ts";
import type { Flushable, Turn } from "./turn.ts";

/** What all wires of a process share. */
export interface WireContext {
  readonly turn: Turn;
  readonly receiveBuffer: ReceiveBuffer;
  readonly directWriter: DirectWriter;
  /** Where output is gathered; a connection with nothing to say holds none of it. */
  readonly buffers: BufferPool;
  /** What all HTTP/2 connections count together, and where they keep data that waits for a window. */
  readonly http2: Required<Pick<Http2Settings, "stats" | "buffers">>;
  /** What all HTTP/1 servers refused by themselves. */
  readonly http1: Http1Stats;
  /** Every open wire of the process, for the tick of the second and for the drain. */
  readonly wires: Bag<Wire>;
  /** Called once a second, after the engines' own tick. */
  readonly tickers: Bag<() => void>;
}

export interface WireOptions {
  readonly socket: Socket;
  /** Which side of the proxy this peer is on; names its faults in errors. `local` asks for the proxy's own pages. */
  readonly side: "downstream" | "upstream" | "local";
  /** Called once, when the socket is closed and the engine has been told. */
  readonly onClosed?: ((reset: Reset) => void) | undefined;
}

/**
 * A peer that vanished without a word is noticed by the kernel after this and ten probes, one a second. For a client that
 * is gone ztunnel waits as long; on a server somebody waits.
 */
const keepAliveMillis = { downstream: 180_000, upstream: 10_000, local: 180_000 };

/** So much is not gathered any further: one write of it costs no more than a part of a larger one. */
const eagerFlushBytes = 256 * 1024;

/**
 * When the chunks of one connection have kept the process busy for so long, the rest is read after all others had their turn:
 * libuv reads a socket up to 32 times before it looks at another, and there are bytes of which a megabyte is much work.
 */
export const turnReadTime: Millis = millis(4);

/** Smaller chunks are not worth a look at the clock: there is another one only when the kernel has more, and it gives all that fits. */
const timedBytes = youngBytes;

/** A peer that neither reads nor closes after our last byte is cut off, so that it cannot hold memory. */
export const lingerMillis = 5_000;

/** A connected socket with an engine on top; the engine may be exchanged while no exchange has begun. */
export class Wire<E extends Engine = Engine> implements EngineHost, Flushable, Receiver {
  readonly out: ByteWriter;
  readonly socket: Socket;
  engine: E;
  readonly #context: WireContext;
  readonly #options: WireOptions;
  #queued = false;
  #writing = false;
  /** The kernel has taken all, and the engine does not know it yet. */
  #owesFlushed = false;
  #finishing = false;
  #closing = false;
  #gone = false;
  #cut = false;
  /** Milliseconds that large chunks have taken since the wire last flushed. */
  #busy = 0;
  /** Reading stopped until the next turn; what the engine wants is `#paused`. */
  #yielded = false;
  #paused = false;
  readonly #rest = new Rest();
  #cause: Reset | undefined;

  constructor(context: WireContext, options: WireOptions, createEngine: (host: EngineHost) => E) {
    this.#context = context;
    this.out = createByteWriter(context.buffers);
    this.#options = options;
    this.socket = options.socket;
    this.socket.setNoDelay(true);
    this.socket.setKeepAlive(true, keepAliveMillis[options.side]);
    this.socket.on("error", (error) => {
      this.#cause ??= resetOf(connectionError(error, errorSide(options.side)));
    });
    this.socket.on("close", () => this.#onClosed());
    this.socket.on("end", () => this.#gone || this.engine.receiveEnd());
    this.engine = createEngine(this);
    context.wires.add(this);
    this.#startReading();
  }

  get isDownstream(): boolean {
    return this.#options.side === "downstream";
  }

  /** Calls back when the socket is closed. */
  onceClosed(listener: () => void): void {
    this.socket.once("close", listener);
  }

  /** The peer's side is open and no error was seen. */
  get alive(): boolean {
    return !this.#gone && !this.#closing && !this.#finishing;
  }

  wantFlush(): void {
    // The engine is in the middle of its work: that its bytes have left it hears at the end of the turn.
    if (this.out.length >= eagerFlushBytes && !this.#writing && !this.#gone) this.#send();
    if (this.#queued) return;
    this.#queued = true;
    this.#context.turn.queue(this);
  }

  flush(): void {
    this.#queued = false;
    this.#busy = 0;
    if (this.#gone) return;
    this.#readRest();
    if (this.#yielded && !this.#rest.waits) this.#readOn();
    if (this.#writing) return;
    if (this.out.length > 0) this.#send();
    if (this.#owesFlushed) {
      this.#owesFlushed = false;
      this.engine.flushed();
    }
    this.#afterWrite();
  }

  #send(): void {
    const { buffer } = this.out;
    const chunk = this.out.take();
    const { directWriter, buffers } = this.#context;
    const result = directWriter.write(this.socket, chunk, this.#onWritten);
    if (result === written) {
      this.#owesFlushed = true;
      buffers.give(buffer);
      return;
    }
    this.#writing = true;
    this.#lent = buffer;
    if (result === unable) this.socket.write(chunk, this.#onWritten);
  }

  /** Ours until the kernel has taken it: the next turn writes into another one. */
  #lent: Buffer | undefined;

  readonly #onWritten = (error?: Error | null): void => {
    this.#writing = false;
    if (this.#lent !== undefined) this.#context.buffers.give(this.#lent);
    this.#lent = undefined;
    if (error || this.#gone) return;
    this.#owesFlushed = true;
    this.flush();
  };

  #afterWrite(): void {
    if (this.out.length > 0 || this.#writing) return;
    if (this.#closing) this.#end();
    else if (this.#finishing && !this.socket.writableEnded) this.socket.end();
  }

  pauseReading(): void {
    this.#paused = true;
    if (!this.#gone) this.socket.pause();
  }

  resumeReading(): void {
    this.#paused = false;
    if (!this.#gone && !this.#yielded) this.socket.resume();
  }

  readAgain(rest: Buffer): void {
    this.#rest.keep(rest);
    this.wantFlush();
  }

  #readRest(): void {
    const rest = this.#rest.take();
    if (rest !== undefined && !this.socket.destroyed) this.engine.receive(rest);
  }

  #yieldReading(): void {
    this.#yielded = true;
    if (!this.#paused) this.socket.pause();
    this.wantFlush();
  }

  #readOn(): void {
    this.#yielded = false;
    if (!this.#paused) this.socket.resume();
  }

  finish(): void {
    this.#finishing = true;
    this.wantFlush();
  }

  close(reset: Reset | undefined, announced = false): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#cut = reset !== undefined && !announced;
    this.#cause ??= reset;
    this.wantFlush();
  }

  /** Ends the connection at once, whatever is still to be sent. */
  destroy(reset?: Reset): void {
    this.#cause ??= reset;
    this.socket.destroy();
  }

  /** Puts another engine on the connection, as after protocol detection; the caller replays what it has not seen. */
  become<N extends Engine>(createEngine: (host: EngineHost) => N): Wire<N> {
    const wire = this as unknown as Wire<N>;
    wire.engine = createEngine(this);
    return wire;
  }

  #startReading(): void {
    const { socket } = this;
    // What a TLS socket decrypted together with the end of its handshake is already in the stream's buffer.
    const early = socket.read() as Buffer | null;
    const direct = this.#context.receiveBuffer.receiveInto(socket, this);
    if (early !== null) this.receive(early);
    if (direct) {
      socket.resume();
      socket.read(0);
      return;
    }
    socket.on("data", (chunk: Buffer) => this.receive(chunk));
    // An accepted socket was paused by its listener, and a listener for `data` alone does not wake it.
    socket.resume();
  }

  receive(chunk: Buffer): void {
    // A TLS session may hold more when what it gave first has ended the connection.
    if (this.#gone || this.socket.destroyed) return;
    if (this.#rest.append(chunk)) {
      if (!this.#yielded) this.#yieldReading();
      return;
    }
    if (chunk.length < timedBytes) {
      this.engine.receive(chunk);
      return;
    }
    const began = monotonicNow();
    this.engine.receive(chunk);
    this.#busy += monotonicNow() - began;
    if (this.#busy >= turnReadTime && !this.#yielded) this.#yieldReading();
  }

  /** A reset is passed on as a reset: FIN would make a cut transfer look like a whole one. */
  #end(): void {
    if (this.#cut) {
      // A TLS session cannot be reset by itself; without its closing alert the peer sees that it was cut.
      if ("encrypted" in this.socket) this.socket.destroy();
      else resetSocket(this.socket);
      return;
    }
    this.socket.end();
    const timer = setTimeout(() => this.socket.destroy(), lingerMillis);
    timer.unref();
    this.socket.once("close", () => clearTimeout(timer));
  }

  #onClosed(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#context.wires.delete(this);
    const reset = this.#cause ?? closedByPeer(this.#options.side);
    this.engine.closed(reset);
    this.#options.onClosed?.(reset);
  }
}

function errorSide(side: WireOptions["side"]): "downstream" | "upstream" {
  return side === "upstream" ? "upstream" : "downstream";
}

function closedByPeer(side: WireOptions["side"]): Reset {
  const code = side === "upstream" ? "upstream_closed" : "downstream_closed";
  return {
    code,
    http2Code: 0x8,
    detail: `connection closed by the ${side} peer`,
    unprocessed: false,
  };
}

function resetOf(error: { code: Reset["code"]; message: string }): Reset {
  return { code: error.code, http2Code: 0x2, detail: error.message, unprocessed: false };
}
