/** The resets that the HTTP/1 engines give, with the HTTP/2 codes that stand for them (RFC 9113 7). */
import type { MessageReader, Reset, ResponseHead } from "../exchange.ts";

const NO_ERROR = 0x0;
const PROTOCOL_ERROR = 0x1;
const INTERNAL_ERROR = 0x2;
const REFUSED_STREAM = 0x7;
const CANCEL = 0x8;

/** The peer's bytes are not HTTP/1. */
export function brokenByPeer(detail: string): Reset {
  return { code: "protocol_error", http2Code: PROTOCOL_ERROR, detail, unprocessed: false };
}

/** The owner asked for something that cannot be said in HTTP/1; trying again would not help. */
export function brokenByOwner(detail: string): Reset {
  return { code: "protocol_error", http2Code: PROTOCOL_ERROR, detail, unprocessed: false };
}

/** The connection takes no request (now); nothing of it was written. */
export const refusedRequest: Reset = {
  code: "upstream_closed",
  http2Code: REFUSED_STREAM,
  detail: "connection that takes no request",
  unprocessed: true,
};

/** The client went away. */
export function leftByClient(detail: string): Reset {
  return { code: "downstream_closed", http2Code: CANCEL, detail, unprocessed: false };
}

/** The server went away before its response was whole. */
export function leftByServer(detail: string, unprocessed: boolean, unanswered: boolean): Reset {
  return { code: "upstream_closed", http2Code: INTERNAL_ERROR, detail, unprocessed, unanswered };
}

/** Follows a complete response: no more of the request is wanted, and nothing went wrong. */
export function answeredEarly(code: "downstream_closed" | "upstream_closed"): Reset {
  return {
    code,
    http2Code: NO_ERROR,
    detail: "response complete before the request",
    unprocessed: false,
  };
}

/** After the caller has its writer: no owner expects a callback from within `open`. */
export function resetLater(reader: MessageReader<ResponseHead>, reset: Reset): void {
  queueMicrotask(() => reader.onReset(reset));
}
