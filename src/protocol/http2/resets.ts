/** Byte gear. What an exchange is told when its connection or its peer ends it. */
import type { Reset } from "../exchange.ts";
import { CANCEL, errorName, REFUSED_STREAM } from "./numbers.ts";

/** The peer of this side closed the connection; an exchange that was cut must not look whole to the next hop. */
export function closedByPeer(server: boolean): Reset {
  return {
    code: server ? "downstream_closed" : "upstream_closed",
    http2Code: CANCEL,
    detail: "connection closed by the peer",
    unprocessed: false,
  };
}

/** The peer of this side sent RST_STREAM. */
export function resetByPeer(server: boolean, code: number): Reset {
  return {
    code: server ? "downstream_closed" : "upstream_reset",
    http2Code: code,
    detail: `stream reset by the peer with ${errorName(code)}`,
    unprocessed: code === REFUSED_STREAM,
  };
}

/** The peer broke a rule, or went over a limit. */
export function brokenConnection(code: number, detail: string, flood: boolean): Reset {
  return { code: flood ? "flood" : "protocol_error", http2Code: code, detail, unprocessed: false };
}
