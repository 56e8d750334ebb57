/** Byte gear. One HTTP/2 stream: the numbers of both its directions, and the writer that its owner holds. */
import type {
  HeaderList,
  MessageReader,
  MessageWriter,
  RequestHead,
  Reset,
  ResponseHead,
} from "../exchange.ts";
import type { ByteQueue } from "./byte-queue.ts";
import { idle, type StreamState } from "./state.ts";

export type StreamReader = MessageReader<RequestHead> | MessageReader<ResponseHead>;

/** What a stream asks of its connection. */
export interface StreamLink {
  sendHead(stream: Stream, head: RequestHead | ResponseHead, end: boolean): void;
  sendData(stream: Stream, chunk: Uint8Array, end: boolean): void;
  sendTrailers(stream: Stream, headers: HeaderList): void;
  resetStream(stream: Stream, reset: Reset): void;
  grant(stream: Stream, bytes: number): void;
}

export class Stream implements MessageWriter<RequestHead | ResponseHead> {
  readonly id: number;
  readonly #link: StreamLink;
  state: StreamState = idle;
  /** Of the same chain in the connection's StreamMap. */
  next: Stream | undefined = undefined;
  /** Undefined before the acceptor gave one, and once the owner shall hear nothing more. */
  reader: StreamReader | undefined = undefined;

  /** We may send so many bytes; negative after the peer shrank its initial window (RFC 9113 6.9.2). */
  sendWindow: number;
  /** What waits for window, and what is sent after it. */
  queue: ByteQueue | undefined = undefined;
  waiting = false;
  endQueued = false;
  trailersQueued: HeaderList | undefined = undefined;
  /** An owner's RST_STREAM(NO_ERROR) that waits until the response is out (RFC 9113 8.1). */
  resetQueued: Reset | undefined = undefined;
  /** Data bytes in the transport, for which credit is due. */
  unflushed = 0;
  /** The tick in which it began. */
  readonly born: number;
  /** For the stall check: bytes sent since `stalledTicks` was last zero. */
  progress = 0;
  stalledTicks = 0;

  /** The peer may send so many bytes, and may when all that it sent was granted. */
  receiveWindow: number;
  fullWindow: number;
  /** Given to the reader and not yet granted; granted and not yet told to the peer. */
  ungranted = 0;
  owed = 0;

  /** The final head is behind us, in the peer's direction. */
  headReceived = false;
  headSent = false;
  informationalHeads = 0;
  /** What content-length promised, or -1, and what came (RFC 9113 8.1.1). */
  expected = -1;
  received = 0;
  /** An extended CONNECT: `:status 200` there is 101 in the exchange (RFC 8441 5). */
  upgrade = false;
  /** Classic CONNECT: neither direction has a length. */
  tunnel = false;
  /** The response has no body whatever its content-length says (HEAD). */
  bodiless = false;

  constructor(
    id: number,
    link: StreamLink,
    sendWindow: number,
    receiveWindow: number,
    born: number,
  ) {
    this.id = id;
    this.born = born;
    this.#link = link;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
    this.fullWindow = receiveWindow;
  }

  head(head: RequestHead | ResponseHead, end: boolean): void {
    this.#link.sendHead(this, head, end);
  }

  data(chunk: Uint8Array, end: boolean): void {
    this.#link.sendData(this, chunk, end);
  }

  trailers(headers: HeaderList): void {
    this.#link.sendTrailers(this, headers);
  }

  reset(reset: Reset): void {
    this.#link.resetStream(this, reset);
  }

  grant(bytes: number): void {
    this.#link.grant(this, bytes);
  }
}
