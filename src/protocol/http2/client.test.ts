/** The client side, in scripted conversations. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createHttp2Client } from "./client.ts";
import {
  CANCEL,
  CLIENT_PREFACE,
  MAX_31_BITS,
  NO_ERROR,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  SETTINGS_ENABLE_CONNECT_PROTOCOL,
  SETTINGS_ENABLE_PUSH,
  SETTINGS_MAX_CONCURRENT_STREAMS,
} from "./numbers.ts";
import { call, MemoryHost } from "./testing/conversation.ts";
import { data, type Field, frame, goaway, headers, reset, uint32 } from "./testing/frames.ts";

const ok: Field[] = [[":status", "200"]];

test("the client speaks first: the preface, then SETTINGS without push", () => {
  const host = new MemoryHost();
  createHttp2Client(host, { onCapacity() {}, onDraining() {} });
  const start = host.out.buffer.toString("latin1", 0, CLIENT_PREFACE.length);
  assert.equal(start, CLIENT_PREFACE);
  const [first] = host.frames(undefined, CLIENT_PREFACE.length);
  assert.equal(first?.type === "SETTINGS" && first.values[SETTINGS_ENABLE_PUSH], 0);
});

test("a request is one HEADERS frame with its pseudo-header fields first", () => {
  const { opens, frames } = call();
  opens({ method: "POST", headers: ["x-a", "1", "connection", "close"] }, false);
  opens();
  const fields: Field[] = [
    [":method", "POST"],
    [":scheme", "https"],
    [":path", "/"],
    [":authority", "example.com"],
    ["x-a", "1"],
  ];
  assert.deepEqual(frames(), [
    { type: "HEADERS", stream: 1, fields, end: false },
    {
      type: "HEADERS",
      stream: 3,
      fields: [[":method", "GET"], ...fields.slice(1, 4)],
      end: true,
    },
  ]);
});

test("a response passes with hints, body and trailers in order", () => {
  const { opens, sends, engine } = call();
  const { recorder } = opens();
  sends(
    headers(1, [
      [":status", "103"],
      ["link", "</a>"],
    ]),
    headers(1, [...ok, ["content-length", "4"]]),
    data(1, "body"),
    headers(1, [["grpc-status", "0"]], true),
  );
  assert.deepEqual(recorder.events, ["head", "head", "data", "trailers"]);
  assert.deepEqual(recorder.head, { status: 200, headers: ["content-length", "4"] });
  assert.deepEqual(recorder.trailers, ["grpc-status", "0"]);
  assert.equal(engine.active, 0);
});

test("a request body is sent and credited, and may end after the response did", () => {
  const { opens, sends, frames, engine } = call();
  const { recorder, writer } = opens({ method: "POST" }, false);
  sends(headers(1, ok, true));
  assert.deepEqual(recorder.events, ["head end"]);
  writer.data(Buffer.from("late"), true);
  const [sent] = frames();
  assert.deepEqual(sent, { type: "DATA", stream: 1, data: "late", end: true });
  assert.equal(recorder.credit, 4);
  assert.equal(engine.active, 0);
});

test("the answer to HEAD, and 304, keep a content-length without a body", () => {
  const { opens, sends } = call();
  const head = opens({ method: "HEAD" });
  const cached = opens();
  sends(
    headers(1, [...ok, ["content-length", "100"]], true),
    headers(
      3,
      [
        [":status", "304"],
        ["content-length", "100"],
      ],
      true,
    ),
  );
  assert.deepEqual(head.recorder.events, ["head end"]);
  assert.deepEqual(cached.recorder.events, ["head end"]);
});

const malformed: Readonly<Record<string, readonly Buffer[]>> = {
  "no :status": [headers(1, [["x", "y"]], true)],
  "a :status of two digits": [headers(1, [[":status", "20"]], true)],
  "two :status": [headers(1, [...ok, ...ok], true)],
  "a request pseudo-header field": [headers(1, [...ok, [":path", "/"]], true)],
  "status 101": [headers(1, [[":status", "101"]])],
  "1xx with END_STREAM": [headers(1, [[":status", "103"]], true)],
  "a connection field": [headers(1, [...ok, ["connection", "close"]], true)],
  "DATA before the head": [data(1, "x")],
  "a body shorter than content-length": [
    headers(1, [...ok, ["content-length", "5"]]),
    data(1, "1234", true),
  ],
  "a body longer than content-length": [
    headers(1, [...ok, ["content-length", "5"]]),
    data(1, "123456"),
  ],
  "content-length and no body at all": [headers(1, [...ok, ["content-length", "5"]], true)],
  "trailers that do not end": [headers(1, ok), headers(1, [["x", "y"]])],
};
for (const [what, frames] of Object.entries(malformed)) {
  test(`a response with ${what} is cut, never whole`, () => {
    const { opens, sends, frames: written, host } = call();
    const { recorder } = opens();
    written();
    const seen = sends(...frames);
    assert.deepEqual(seen, [{ type: "RST_STREAM", stream: 1, code: PROTOCOL_ERROR }]);
    assert.equal(recorder.reset?.code, "protocol_error");
    assert.equal(recorder.ended, false);
    assert.equal(host.closed, false);
  });
}

test("a response head that is too large costs its request only", () => {
  const { opens, sends, host } = call({ limits: { headerListSize: 1_000 } });
  const { recorder } = opens();
  sends(headers(1, [...ok, ["x", "v".repeat(2_000)]], true));
  assert.equal(recorder.reset?.code, "header_too_large");
  assert.equal(host.closed, false);
});

test("a response to HEAD with a body is cut", () => {
  const { opens, sends } = call();
  const { recorder } = opens({ method: "HEAD" });
  sends(headers(1, ok), data(1, "x", true));
  assert.equal(recorder.reset?.code, "protocol_error");
});

test("RST_STREAM says whether the peer has looked at the request", () => {
  const { opens, sends } = call();
  const refused = opens();
  const cancelled = opens();
  sends(reset(1, REFUSED_STREAM), reset(3, CANCEL));
  assert.equal(refused.recorder.reset?.unprocessed, true);
  assert.equal(cancelled.recorder.reset?.unprocessed, false);
  assert.equal(cancelled.recorder.reset?.code, "upstream_reset");
  assert.equal(cancelled.recorder.reset?.http2Code, CANCEL);
});

test("RST_STREAM(NO_ERROR) behind a whole response only stops the request", () => {
  const { opens, sends, engine } = call();
  const { recorder } = opens({ method: "POST" }, false);
  sends(headers(1, ok), data(1, "enough", true), reset(1, NO_ERROR));
  assert.deepEqual(recorder.events, ["head", "data end", "reset"]);
  assert.equal(recorder.reset?.http2Code, NO_ERROR);
  assert.equal(engine.active, 0);
});

test("GOAWAY takes the capacity, returns what was not looked at, and lets the rest finish", () => {
  const { opens, sends, engine, told, host } = call();
  const first = opens();
  const second = opens();
  sends(goaway(MAX_31_BITS, NO_ERROR));
  assert.equal(engine.capacity, 0);
  assert.equal(told.draining, 1);
  assert.deepEqual(second.recorder.events, []);
  sends(goaway(1, NO_ERROR));
  assert.equal(second.recorder.reset?.unprocessed, true);
  assert.deepEqual(first.recorder.events, []);
  assert.equal(host.finished, false);
  sends(headers(1, ok, true));
  assert.deepEqual(first.recorder.events, ["head end"]);
  assert.equal(host.finished, true);
  assert.equal(told.draining, 1);
});

test("a request opened without capacity is returned at once as not looked at", () => {
  const { opens, sends } = call();
  sends(goaway(0, NO_ERROR));
  const { recorder, writer } = opens();
  assert.equal(recorder.reset?.unprocessed, true);
  writer.data(Buffer.from("x"), true);
});

test("capacity follows the peer's limit, and its return is announced", () => {
  const { opens, sends, engine, told } = call({}, { [SETTINGS_MAX_CONCURRENT_STREAMS]: 2 });
  const before = told.capacity;
  opens();
  opens();
  assert.equal(engine.capacity, 0);
  sends(headers(1, ok, true));
  assert.equal(engine.capacity, 1);
  assert.equal(told.capacity, before + 1);
});

test("the peer's end of the connection cuts what it had not answered", () => {
  const { opens, engine, told, host } = call();
  const { recorder } = opens();
  engine.receiveEnd();
  assert.equal(recorder.reset?.code, "upstream_closed");
  assert.equal(told.draining, 1);
  assert.equal(host.finished, true);
});

test("a broken connection resets all, and the owner hears that it is of no more use", () => {
  const { opens, sends, engine, told, host } = call();
  const { recorder } = opens();
  sends(frame(5, 4, 1, uint32(2)));
  assert.equal(recorder.reset?.code, "protocol_error");
  assert.equal(host.closeReset?.http2Code, PROTOCOL_ERROR);
  assert.equal(engine.alive, false);
  assert.equal(engine.capacity, 0);
  assert.equal(told.draining, 1);
});

test("extended CONNECT carries its protocol, and 200 is 101 in the exchange", () => {
  const { opens, sends, frames, engine } = call({}, { [SETTINGS_ENABLE_CONNECT_PROTOCOL]: 1 });
  assert.equal(engine.extendedConnect, true);
  const { recorder } = opens({ protocol: "websocket", path: "/chat" }, false);
  const [sent] = frames();
  assert.deepEqual(sent?.type === "HEADERS" && sent.fields, [
    [":method", "CONNECT"],
    [":protocol", "websocket"],
    [":scheme", "https"],
    [":path", "/chat"],
    [":authority", "example.com"],
  ]);
  sends(headers(1, ok), data(1, "frame"));
  assert.equal(recorder.head?.status, 101);
  assert.equal(recorder.body, "frame");
});

test("classic CONNECT has an authority and nothing else", () => {
  const { opens, frames } = call();
  opens({ method: "CONNECT", scheme: "", path: "", authority: "10.0.0.1:80" }, false);
  const [sent] = frames();
  assert.deepEqual(sent?.type === "HEADERS" && sent.fields, [
    [":method", "CONNECT"],
    [":authority", "10.0.0.1:80"],
  ]);
});

test("a drained client says GOAWAY, finishes what runs and closes", () => {
  const { opens, sends, frames, engine, host, told } = call();
  const { recorder } = opens();
  frames();
  engine.drain();
  assert.deepEqual(frames(), [{ type: "GOAWAY", last: 0, code: NO_ERROR }]);
  assert.equal(told.draining, 1);
  assert.equal(host.finished, false);
  sends(headers(1, ok, true));
  assert.equal(recorder.ended, true);
  assert.equal(host.finished, true);
});

test("a response for a stream that was never opened ends the connection", () => {
  const { sends, host } = call();
  assert.equal(sends(headers(7, ok, true)).at(-1)?.type, "GOAWAY");
  assert.equal(host.closed, true);
});
