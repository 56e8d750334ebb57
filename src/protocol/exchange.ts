/**
 * The narrow waist of layer 7: one request and its response, as the HTTP/1 and the HTTP/2 engine both present them.
 *
 * Each direction is `head, data*, trailers?` and ends with `end`, with trailers, or with a reset. An engine calls a
 * MessageReader with what arrived and offers a MessageWriter for what should leave. Chunks are views that are valid
 * only during the call; back-pressure is credit: whoever takes data says `grant(n)` once it has passed the bytes on.
 */
import type { ErrorCode } from "../core/mesh-error.ts";
import type { ByteWriter } from "./byte-writer.ts";

/** name, value, name, value …; names in lower case, values one character per byte (latin1). */
export type HeaderList = string[];

/** End-to-end headers only: what belongs to one connection (RFC 9110 7.6.1) never enters an exchange. */
export interface RequestHead {
  method: string;
  /** `http` or `https`; `http` where the protocol does not say. Empty for CONNECT. */
  scheme: string;
  /** Host and port as the client wrote them; the only place where the host stands (`host` is not in `headers`). */
  authority: string;
  /** Origin form with query, or `*`; empty for a classic CONNECT. */
  path: string;
  /** The protocol asked for by Upgrade or by extended CONNECT (`websocket`); otherwise empty. */
  protocol: string;
  headers: HeaderList;
  /** What the sender spoke: 10, 11 or 20. */
  version: number;
}

/** 1xx heads (never with end) may come before the final one. An accepted upgrade is 101 at every engine. */
export interface ResponseHead {
  status: number;
  headers: HeaderList;
}

/** Why an exchange was cut. A cut body must never look like a whole one to the next hop. */
export interface Reset {
  readonly code: ErrorCode;
  /** The HTTP/2 error code that stands for it on the wire (RFC 9113 7). */
  readonly http2Code: number;
  /** Noun phrase with the facts, for logs. */
  readonly detail: string;
  /** True when the peer has certainly not acted on the request (REFUSED_STREAM, GOAWAY below it, never written). */
  readonly unprocessed: boolean;
  /** True when no byte of a response had come: an idempotent request may be sent again (RFC 9110 9.2.2). */
  readonly unanswered?: boolean;
}

/** The outgoing direction of one exchange; implemented by the engines. All calls after the end are ignored. */
export interface MessageWriter<Head> {
  head(head: Head, end: boolean): void;
  /** Copies or sends the chunk before it returns. */
  data(chunk: Uint8Array, end: boolean): void;
  /** Ends the direction. */
  trailers(headers: HeaderList): void;
  /** Ends both directions. The reader hears nothing more. */
  reset(reset: Reset): void;
  /** Says that `bytes` of the incoming data were passed on, so that the sender may send as many more. */
  grant(bytes: number): void;
}

/** The incoming direction of one exchange; implemented by whoever owns it. */
export interface MessageReader<Head> {
  onHead(head: Head, end: boolean): void;
  onData(chunk: Uint8Array, end: boolean): void;
  onTrailers(headers: HeaderList): void;
  /** Nothing comes after it, and nothing that is written is sent any more. */
  onReset(reset: Reset): void;
  /** `bytes` of what was given to `data` have left the process. */
  onCredit(bytes: number): void;
}

/** The server side of a connection hands each new request here; the answer reads the rest of it. */
export interface RequestAcceptor {
  /** `end` says that the request has no body. The returned reader's `onHead` is never called. */
  onRequest(
    head: RequestHead,
    end: boolean,
    response: MessageWriter<ResponseHead>,
  ): MessageReader<RequestHead>;
}

/** The client side of a connection. */
export interface RequestOpener {
  /** How many more requests may be opened now; 0 while draining or closed. */
  readonly capacity: number;
  /** Sends the head. Callers check `capacity` first. */
  open(
    head: RequestHead,
    end: boolean,
    response: MessageReader<ResponseHead>,
  ): MessageWriter<RequestHead>;
}

/** What an engine asks of the transport below it. */
export interface EngineHost {
  /** The engine appends here; the transport sends it once per turn of the loop, after `wantFlush`. */
  readonly out: ByteWriter;
  wantFlush(): void;
  pauseReading(): void;
  resumeReading(): void;
  /** `rest` is given to `receive` once more in the next turn, before all that comes: others have theirs first. */
  readAgain(rest: Buffer): void;
  /** Nothing more will be written: flush, then FIN. Reading goes on until the peer closes. */
  finish(): void;
  /**
   * Flush what is there, then close both directions: with RST when there is a reset, so that nothing that was cut looks
   * whole, and in order when there is none, or when it was `announced` to the peer in band (GOAWAY).
   */
  close(reset: Reset | undefined, announced?: boolean): void;
}

/** What the transport tells an engine; both engines, both sides, implement it. */
export interface Engine {
  /** The chunk is valid only during the call. Never throws on bad input: the engine answers and closes. */
  receive(chunk: Buffer): void;
  /** The peer sent FIN. */
  receiveEnd(): void;
  /** The kernel took all that was in `out`: credit may be given for it. */
  flushed(): void;
  /** The transport is gone; every open exchange is reset with this. */
  closed(reset: Reset): void;
  /** Called about once a second: refills flood budgets and lets the engine notice stalls. */
  tick(): void;
  /** Begins the orderly end: GOAWAY or `connection: close`; the engine calls `finish` when nothing is left. */
  drain(): void;
  /** Exchanges that have begun and not ended. */
  readonly active: number;
}
