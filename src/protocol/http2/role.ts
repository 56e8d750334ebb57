/** Byte gear. What a connection asks of its side: the server, which takes streams, or the client, which opens them. */
import type { RequestHead, ResponseHead } from "../exchange.ts";
import type { Stream } from "./stream.ts";

/** What is different on the two sides of a connection. */
export interface Role {
  readonly server: boolean;
  /** HEADERS came for a stream that is not there. */
  onUnknownHeaders(streamId: number, end: boolean, selfDependent: boolean): void;
  /** Whether the stream has not begun yet, so that nothing may be sent on it. */
  isIdle(streamId: number): boolean;
  /** The final or an informational head came for a stream that waits for it. */
  onResponseHead(stream: Stream, end: boolean): void;
  onGoaway(lastStreamId: number, code: number): void;
  /** A stream has gone; `capacity` may be larger. */
  onStreamGone(): void;
  onSettings(): void;
  /** The connection is over, and so are its streams. */
  onDead(): void;
  /** Writes the fields of our head; gives false if the owner may not send one now. */
  writeHead(stream: Stream, head: RequestHead | ResponseHead, end: boolean): void;
}
