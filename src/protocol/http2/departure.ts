/**
 * Byte gear. The orderly end of a connection: a server says GOAWAY for all streams, then GOAWAY with the real last one, and
 * FIN once no stream is left (RFC 9113 6.8). A client has only the last of it to say.
 */
import type { EngineHost } from "../exchange.ts";
import { FRAME_PING, MAX_31_BITS, NO_ERROR } from "./numbers.ts";
import type { Sender } from "./sender.ts";

/** The connection that ends. */
export interface Departing {
  readonly sender: Sender;
  readonly streams: { readonly size: number };
  /** The highest stream that the peer began. */
  readonly lastPeerStream: number;
  readonly dead: boolean;
}

const serving = 0;
const announced = 1;
const leaving = 2;

/** PING payload, so that the ack can be told from that of a keepalive. */
export const drainPing = 0x64_72_61_69;

export class Departure {
  /** No more requests can come; once no stream is left, neither can anything else. */
  ending = false;
  #phase: number = serving;
  #finished = false;
  readonly #host: EngineHost;
  readonly #connection: Departing;

  constructor(host: EngineHost, connection: Departing) {
    this.#host = host;
    this.#connection = connection;
  }

  begin(server: boolean): void {
    if (this.#phase !== serving) return;
    this.#phase = announced;
    if (!server) return this.settle();
    const { sender } = this.#connection;
    sender.goaway(MAX_31_BITS, NO_ERROR, "draining");
    // Whatever the peer sent before it saw our GOAWAY is here when the ack is.
    sender.control(FRAME_PING, 0, 0, drainPing, 0);
  }

  /** The peer has seen the first GOAWAY, or had a tick for it. */
  settle(): void {
    if (this.#phase !== announced) return;
    this.#phase = leaving;
    const { sender, lastPeerStream } = this.#connection;
    this.ending = true;
    sender.goaway(lastPeerStream, NO_ERROR, "");
    this.finishIfIdle();
  }

  finishIfIdle(): void {
    const { streams, sender, dead } = this.#connection;
    if (!this.ending || streams.size > 0 || this.#finished || dead) return;
    this.#finished = true;
    sender.muted = true;
    this.#host.finish();
  }
}
