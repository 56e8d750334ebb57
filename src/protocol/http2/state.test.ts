/** The table of RFC 9113 5.1, whole. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PROTOCOL_ERROR, STREAM_CLOSED } from "./numbers.ts";
import {
  canReceive,
  canSend,
  closed,
  halfClosedLocal,
  halfClosedRemote,
  idle,
  open,
  receiveData,
  receiveHeaders,
  receiveReset,
  type StreamState,
  sendData,
  sendHeaders,
} from "./state.ts";

const p = -PROTOCOL_ERROR;
const c = -STREAM_CLOSED;

/** By state from idle to closed: what follows without END_STREAM, then with it. */
const table: readonly [
  name: string,
  event: (state: StreamState, end: boolean) => number,
  going: readonly number[],
  ending: readonly number[],
][] = [
  [
    "HEADERS arrive",
    receiveHeaders,
    [open, open, halfClosedLocal, c, c],
    [halfClosedRemote, halfClosedRemote, closed, c, c],
  ],
  [
    "DATA arrives",
    receiveData,
    [p, open, halfClosedLocal, c, c],
    [p, halfClosedRemote, closed, c, c],
  ],
  [
    "RST_STREAM arrives",
    receiveReset,
    [p, closed, closed, closed, closed],
    [p, closed, closed, closed, closed],
  ],
  [
    "HEADERS leave",
    sendHeaders,
    [open, open, c, halfClosedRemote, c],
    [halfClosedLocal, halfClosedLocal, c, closed, c],
  ],
  ["DATA leaves", sendData, [p, open, c, halfClosedRemote, c], [p, halfClosedLocal, c, closed, c]],
];
const states: readonly StreamState[] = [idle, open, halfClosedLocal, halfClosedRemote, closed];

for (const [name, event, going, ending] of table) {
  test(`${name} in every state`, () => {
    assert.deepEqual(
      states.map((state) => event(state, false)),
      going,
    );
    assert.deepEqual(
      states.map((state) => event(state, true)),
      ending,
    );
  });
}

test("each side may send until it has ended", () => {
  assert.deepEqual(states.filter(canSend), [open, halfClosedRemote]);
  assert.deepEqual(states.filter(canReceive), [open, halfClosedLocal]);
});
