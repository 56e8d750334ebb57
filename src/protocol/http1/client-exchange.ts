/** Byte gear. One exchange of a client connection: what its owner may write, and when it counts. */
import type { ByteWriter } from "../byte-writer.ts";
import type {
  HeaderList,
  MessageReader,
  MessageWriter,
  RequestHead,
  Reset,
  ResponseHead,
} from "../exchange.ts";
import type { RequestWriter } from "./request-writer.ts";
import { brokenByOwner } from "./resets.ts";

/** What an exchange asks of its connection. */
export interface ClientSide {
  /** Whether the switch of protocols was accepted. */
  readonly isTunnel: boolean;
  /** The most bytes that may wait for a switch of protocols. */
  readonly window: number;
  /** Whether calls of this exchange still count. */
  isCurrent(exchange: ClientExchange): boolean;
  readonly request: RequestWriter;
  readonly out: ByteWriter;
  /** Something was put into `out`. */
  wrote(): void;
  requestEnded(exchange: ClientExchange): void;
  /** What waits for the owner has become more or less. */
  updateReading(): void;
  /** The owner gave the exchange up, or wrote what cannot be sent: nothing more may pass on this connection. */
  abort(reset: Reset): void;
}

const nothing = Buffer.alloc(0);

/** One request and its response; a token as well, so that late calls for an old exchange touch nothing. */
export class ClientExchange implements MessageWriter<RequestHead> {
  readonly reader: MessageReader<ResponseHead>;
  readonly method: string;
  readonly protocol: string;
  /** Upgrade or CONNECT: no body follows the head, but perhaps a tunnel. */
  readonly switches: boolean;
  requestEnded: boolean;
  responseEnded = false;
  keepAlive = true;
  interimHeads = 0;
  /** Bytes of this request that were put into `out`. */
  written = 0;
  /** Response bytes that the owner has not granted. */
  ungranted = 0;
  /** Request bytes that have not left. */
  uncredited = 0;
  readonly #connection: ClientSide;
  #early: Buffer[] | undefined;
  #earlyBytes = 0;
  #earlyEnd = false;

  constructor(
    connection: ClientSide,
    head: RequestHead,
    end: boolean,
    reader: MessageReader<ResponseHead>,
  ) {
    this.#connection = connection;
    this.reader = reader;
    this.method = head.method;
    this.protocol = head.protocol;
    this.switches = head.protocol !== "" || head.method === "CONNECT";
    this.requestEnded = end && !this.switches;
  }

  /** The head went out when the exchange was opened. */
  head(): void {}

  data(chunk: Uint8Array, end: boolean): void {
    if (this.requestEnded || !this.#connection.isCurrent(this)) return;
    if (this.switches && !this.#connection.isTunnel) {
      this.#holdEarly(chunk, end);
      return;
    }
    this.uncredited += chunk.length;
    const before = this.#connection.out.length;
    this.#finishWrite(before, this.#connection.request.writeBody(chunk, end), end);
  }

  trailers(headers: HeaderList): void {
    if (this.requestEnded || !this.#connection.isCurrent(this)) return;
    if (this.switches) return this.data(nothing, true);
    const before = this.#connection.out.length;
    this.#finishWrite(before, this.#connection.request.writeTrailers(headers), true);
  }

  reset(reset: Reset): void {
    if (this.#connection.isCurrent(this)) this.#connection.abort(reset);
  }

  grant(bytes: number): void {
    if (!this.#connection.isCurrent(this)) return;
    this.ungranted -= bytes;
    this.#connection.updateReading();
  }

  /** The switch was accepted: what was written before it may go now. */
  sendEarly(): void {
    const early = this.#early;
    this.#early = undefined;
    for (const chunk of early ?? []) this.data(chunk, false);
    if (this.#earlyEnd) this.data(nothing, true);
  }

  /** When all that was written still waits in `out`, removes it: then the server cannot have acted on it. */
  takeBackUnsent(): boolean {
    const { out } = this.#connection;
    if (this.written === 0 || out.length < this.written) return false;
    out.length -= this.written;
    return true;
  }

  /** `before` was the length of `out`; the body may not be as its head announced. */
  #finishWrite(before: number, sound: boolean, end: boolean): void {
    this.written += this.#connection.out.length - before;
    this.#connection.wrote();
    if (!sound) {
      const reset = brokenByOwner("request body that cannot be written as announced");
      this.#connection.abort(reset);
      this.reader.onReset(reset);
      return;
    }
    if (!end) return;
    this.requestEnded = true;
    this.#connection.requestEnded(this);
  }

  /** Bytes behind an Upgrade or CONNECT would be a second request to a server that refuses it. */
  #holdEarly(chunk: Uint8Array, end: boolean): void {
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes > this.#connection.window) {
      const reset = brokenByOwner("too many bytes before the protocol switch");
      this.#connection.abort(reset);
      this.reader.onReset(reset);
      return;
    }
    if (chunk.length > 0) (this.#early ??= []).push(Buffer.from(chunk));
    if (end) this.#earlyEnd = true;
  }
}
