/** Byte gear. The body of one message, however it is framed (RFC 9112 6.3), handed on as views. */
import type { MessageReader } from "../exchange.ts";
import { ChunkedReader } from "./chunked-reader.ts";
import { type Fault, refused } from "./fault.ts";
import type { Http1Limits } from "./limits.ts";

const byLength = 0;
const byChunks = 1;
/** Until the peer closes: responses of old servers, and everything after a protocol switch. */
const byClose = 2;

export class BodyReader {
  done = true;
  /** Body bytes given to the reader by the newest call. */
  delivered = 0;
  readonly #limits: Http1Limits;
  #chunked: ChunkedReader | undefined;
  #mode = byLength;
  #remaining = 0;

  constructor(limits: Http1Limits) {
    this.#limits = limits;
  }

  get fault(): Fault | undefined {
    return this.#chunked?.fault;
  }

  /** Whether the end of the connection is a proper end of this body. */
  get endsByClose(): boolean {
    return this.#mode === byClose;
  }

  /** A length of 0 is done at once. */
  beginLength(length: number): void {
    this.#mode = byLength;
    this.#remaining = length;
    this.done = length === 0;
  }

  beginChunked(): void {
    this.#chunked ??= new ChunkedReader(this.#limits);
    this.#chunked.begin();
    this.#mode = byChunks;
    this.done = false;
  }

  beginUntilClose(): void {
    this.#mode = byClose;
    this.done = false;
  }

  /** Gives the position behind what belonged to the body, or `refused`. */
  read(buffer: Buffer, from: number, to: number, reader: MessageReader<unknown>): number {
    if (this.#mode === byChunks) return this.#readChunked(buffer, from, to, reader);
    const end = this.#mode === byLength ? Math.min(to, from + this.#remaining) : to;
    this.#remaining -= end - from;
    this.delivered = end - from;
    this.done = this.#mode === byLength && this.#remaining === 0;
    const whole = from === 0 && end === buffer.length;
    reader.onData(whole ? buffer : buffer.subarray(from, end), this.done);
    return end;
  }

  #readChunked(buffer: Buffer, from: number, to: number, reader: MessageReader<unknown>): number {
    const chunked = this.#chunked as ChunkedReader;
    const at = chunked.read(buffer, from, to, reader);
    this.delivered = chunked.delivered;
    this.done = chunked.done;
    return at === refused ? refused : at;
  }
}
