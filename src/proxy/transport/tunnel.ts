/** Byte gear. An opaque exchange that was opened before we know whether the client will want it. */
import type {
  HeaderList,
  MessageReader,
  MessageWriter,
  RequestHead,
  RequestOpener,
  Reset,
  ResponseHead,
} from "../../protocol/exchange.ts";

export interface TunnelEvents {
  /** The server sent bytes before the client did. */
  onServerFirst(): void;
  /** The server ended or refused. */
  onServerGone(): void;
  /** The server refused, and may not refuse a client that speaks HTTP. */
  onRequestsOnly(): void;
}

/** Whether the head refuses the tunnel and not what the client may have to say. */
export type RefusalReader = (head: ResponseHead) => boolean;

/**
 * Opens the exchange and keeps what the server answers until `adopt`. It grants no credit meanwhile, so no more than
 * one window of the connection is kept.
 */
export class HeldTunnel implements MessageReader<ResponseHead>, RequestOpener {
  #writer: MessageWriter<RequestHead> | undefined;
  #reader: MessageReader<ResponseHead> | undefined;
  readonly #replay: ((reader: MessageReader<ResponseHead>) => void)[] = [];
  readonly #events: TunnelEvents;
  readonly #isRequestsOnly: RefusalReader;
  #gone: Reset | undefined;

  constructor(
    head: RequestHead,
    opener: RequestOpener,
    events: TunnelEvents,
    isRequestsOnly: RefusalReader = () => false,
  ) {
    this.#events = events;
    this.#isRequestsOnly = isRequestsOnly;
    this.#writer = opener.open(head, false, this);
  }

  get capacity(): number {
    return this.#writer === undefined || this.#gone !== undefined ? 0 : 1;
  }

  /** Hands the held exchange over; the head was sent when the tunnel was made. */
  open(
    _head: RequestHead,
    _end: boolean,
    response: MessageReader<ResponseHead>,
  ): MessageWriter<RequestHead> {
    const writer = this.#writer as MessageWriter<RequestHead>;
    this.#reader = response;
    for (const step of this.#replay) step(response);
    this.#replay.length = 0;
    return writer;
  }

  /** The client wants something else: the server sees a connection that closes without a byte. */
  discard(): void {
    if (this.#reader !== undefined) return;
    this.#writer?.reset(notWanted);
    this.#writer = undefined;
  }

  onHead(head: ResponseHead, end: boolean): void {
    this.#pass((reader) => reader.onHead(head, end));
    if (!end || this.#reader !== undefined) return;
    if (this.#isRequestsOnly(head)) this.#events.onRequestsOnly();
    else this.#events.onServerGone();
  }

  onData(chunk: Uint8Array, end: boolean): void {
    if (this.#reader !== undefined) {
      this.#reader.onData(chunk, end);
      return;
    }
    const kept = Buffer.from(chunk);
    this.#pass((reader) => reader.onData(kept, end));
    if (chunk.length > 0) this.#events.onServerFirst();
    else if (end) this.#events.onServerGone();
  }

  onTrailers(headers: HeaderList): void {
    this.#pass((reader) => reader.onTrailers(headers));
  }

  onReset(reset: Reset): void {
    this.#gone = reset;
    this.#pass((reader) => reader.onReset(reset));
    if (this.#reader === undefined) this.#events.onServerGone();
  }

  onCredit(bytes: number): void {
    this.#reader?.onCredit(bytes);
  }

  #pass(step: (reader: MessageReader<ResponseHead>) => void): void {
    if (this.#reader === undefined) this.#replay.push(step);
    else step(this.#reader);
  }
}

const notWanted: Reset = {
  code: "downstream_closed",
  http2Code: 0x8,
  detail: "the client spoke first, in a protocol that is parsed",
  unprocessed: false,
};
