/**
 * The states of a stream (RFC 9113 5.1) without the two that only pushes reach, which this engine refuses.
 *
 *                        send HEADERS / recv HEADERS
 *                                  |
 *                    without END   |   with END
 *                        +--------idle--------+------------------+
 *                        v                    v (recv)           v (send)
 *                +------open------+     half closed         half closed
 *                |                |      (remote)             (local)
 *       recv END |                | send END  |                  |
 *                v                v           |                  |
 *          half closed       half closed      | send END         | recv END
 *           (remote)           (local)        v                  v
 *                |                |      +------------closed------------+
 *                +--- send END    +--- recv END      (RST either way, from any state)
 *
 * Each event takes a state and gives the next one, or minus the error code that RFC 9113 asks for.
 */
import { PROTOCOL_ERROR, STREAM_CLOSED } from "./numbers.ts";

export type StreamState = 0 | 1 | 2 | 3 | 4;

export const idle = 0;
export const open = 1;
/** We have ended; the peer may still send. */
export const halfClosedLocal = 2;
/** The peer has ended; we may still send. */
export const halfClosedRemote = 3;
export const closed = 4;

/** HEADERS arrive, as a head or as trailers. */
export function receiveHeaders(state: StreamState, end: boolean): number {
  switch (state) {
    case idle:
    case open:
      return end ? halfClosedRemote : open;
    case halfClosedLocal:
      return end ? closed : halfClosedLocal;
    case halfClosedRemote:
    case closed:
    default:
      return -STREAM_CLOSED;
  }
}

/** A DATA frame arrives. */
export function receiveData(state: StreamState, end: boolean): number {
  switch (state) {
    case open:
      return end ? halfClosedRemote : open;
    case halfClosedLocal:
      return end ? closed : halfClosedLocal;
    case idle:
      return -PROTOCOL_ERROR;
    case halfClosedRemote:
    case closed:
    default:
      return -STREAM_CLOSED;
  }
}

/** RST_STREAM arrives. */
export function receiveReset(state: StreamState): number {
  return state === idle ? -PROTOCOL_ERROR : closed;
}

/** We send HEADERS; an owner that does so after its end made a mistake, which the caller ignores. */
export function sendHeaders(state: StreamState, end: boolean): number {
  switch (state) {
    case idle:
    case open:
      return end ? halfClosedLocal : open;
    case halfClosedRemote:
      return end ? closed : halfClosedRemote;
    case halfClosedLocal:
    case closed:
    default:
      return -STREAM_CLOSED;
  }
}

/** We send a DATA frame. */
export function sendData(state: StreamState, end: boolean): number {
  return state === idle ? -PROTOCOL_ERROR : sendHeaders(state, end);
}

/** Whether our direction may still carry frames. */
export function canSend(state: StreamState): boolean {
  return state === open || state === halfClosedRemote;
}

/** Whether the peer's direction may still carry frames. */
export function canReceive(state: StreamState): boolean {
  return state === open || state === halfClosedLocal;
}
