/** The limits of an HTTP/1 connection, each with its default and the reason for it. */

export interface Http1Limits {
  /** Start line and header lines together (431). Cookies and tokens of real users stay below 32 KiB. */
  readonly headBytes: number;
  /** The request target (414). RFC 9112 3 asks for at least 8000. */
  readonly targetBytes: number;
  /** Header lines of one head or trailer section (431): bounds the objects per byte that a peer can make us keep. */
  readonly headerLines: number;
  /** The trailer section of one message. gRPC statuses with details fit in 8 KiB; the rest is room. */
  readonly trailerBytes: number;
  /** Chunk extensions of one message, all chunks together: they are dropped, so they only cost. */
  readonly extensionBytes: number;
  /** Received body bytes that the owner has not granted yet before reading is paused. */
  readonly window: number;
  /** Interim (1xx) heads of one exchange. Progress reports of WebDAV (102) need a few, floods many. */
  readonly interimHeads: number;
  /** Ticks (seconds) that a request head may take from its first byte on (408): a phone on a bad line needs a few. */
  readonly headTicks: number;
}

export const defaultHttp1Limits: Http1Limits = {
  headBytes: 65_536,
  targetBytes: 16_384,
  headerLines: 128,
  trailerBytes: 16_384,
  extensionBytes: 16_384,
  window: 65_536,
  interimHeads: 64,
  headTicks: 30,
};
