/** The server side, in scripted conversations. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CANCEL,
  CLIENT_PREFACE,
  ENHANCE_YOUR_CALM,
  FLOW_CONTROL_ERROR,
  MAX_31_BITS,
  NO_ERROR,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  SETTINGS_ENABLE_CONNECT_PROTOCOL,
  SETTINGS_INITIAL_WINDOW_SIZE,
  SETTINGS_MAX_CONCURRENT_STREAMS,
  SETTINGS_MAX_FRAME_SIZE,
  STREAM_CLOSED,
} from "./numbers.ts";
import { createHttp2Server } from "./server.ts";
import { MemoryHost, Recorder, type ServedRequest, serve } from "./testing/conversation.ts";
import {
  createBlockEncoder,
  data,
  type Field,
  frame,
  goaway,
  headers,
  ping,
  plainBlock,
  priority,
  reset,
  type Seen,
  settings,
  settingsAck,
  uint32,
  windowUpdate,
} from "./testing/frames.ts";

const get: Field[] = [
  [":method", "GET"],
  [":scheme", "https"],
  [":authority", "shop:80"],
  [":path", "/a?b"],
];
const post: Field[] = [[":method", "POST"], ...get.slice(1)];
const connect: Field[] = [
  [":method", "CONNECT"],
  [":authority", "10.0.0.1:80"],
];
const webSocket: Field[] = [[":method", "CONNECT"], [":protocol", "websocket"], ...get.slice(1)];

const answerAtOnce = (request: ServedRequest): void =>
  request.response.head({ status: 204, headers: [] }, true);
const cancelled = {
  code: "internal",
  http2Code: CANCEL,
  detail: "test",
  unprocessed: false,
} as const;
const enough = {
  code: "internal",
  http2Code: NO_ERROR,
  detail: "test",
  unprocessed: false,
} as const;

test("the server speaks first: SETTINGS, then the connection's window", () => {
  const host = new MemoryHost();
  createHttp2Server(host, { onRequest: () => new Recorder() });
  const [first, second] = host.frames(undefined);
  assert.equal(first?.type, "SETTINGS");
  const values = first?.type === "SETTINGS" ? first.values : {};
  assert.equal(values[SETTINGS_MAX_CONCURRENT_STREAMS], 200);
  assert.equal(values[SETTINGS_INITIAL_WINDOW_SIZE], 256 * 1024);
  assert.equal(values[SETTINGS_ENABLE_CONNECT_PROTOCOL], 1);
  const increment = 4 * 1024 * 1024 - 65_535;
  assert.deepEqual(second, { type: "WINDOW_UPDATE", stream: 0, increment });
});

test("a request without a body is one call, and its answer one HEADERS frame", () => {
  const { requests, sends, engine } = serve({}, answerAtOnce);
  const seen = sends(headers(1, [...get, ["x-a", "1"], ["te", "trailers"]], true));
  assert.deepEqual(requests[0]?.head, {
    method: "GET",
    scheme: "https",
    authority: "shop:80",
    path: "/a?b",
    protocol: "",
    headers: ["x-a", "1", "te", "trailers"],
    version: 20,
  });
  assert.equal(requests[0]?.end, true);
  assert.deepEqual(seen, [{ type: "HEADERS", stream: 1, fields: [[":status", "204"]], end: true }]);
  assert.equal(engine.active, 0);
});

test("bodies, trailers and early hints pass both ways in order", () => {
  const { requests, sends, host, engine } = serve();
  sends(headers(1, post), data(1, "one"), data(1, "two"), headers(1, [["x-sum", "2"]], true));
  const { recorder, response } = requests[0]!;
  assert.deepEqual(recorder.events, ["data", "data", "trailers"]);
  assert.equal(recorder.body, "onetwo");
  assert.deepEqual(recorder.trailers, ["x-sum", "2"]);
  response.head({ status: 103, headers: ["link", "</a>"] }, false);
  response.head({ status: 200, headers: ["content-type", "text/plain"] }, false);
  response.data(Buffer.from("answer"), false);
  response.trailers(["grpc-status", "0"]);
  assert.deepEqual(host.frames(engine), [
    headersSeen(
      1,
      [
        [":status", "103"],
        ["link", "</a>"],
      ],
      false,
    ),
    headersSeen(
      1,
      [
        [":status", "200"],
        ["content-type", "text/plain"],
      ],
      false,
    ),
    { type: "DATA", stream: 1, data: "answer", end: false },
    headersSeen(1, [["grpc-status", "0"]], true),
  ]);
  assert.equal(recorder.credit, 6);
});

test("any cut of the same bytes gives the same request", () => {
  const encode = createBlockEncoder();
  const bytes = Buffer.concat([
    Buffer.from(CLIENT_PREFACE, "latin1"),
    settings({ [SETTINGS_MAX_FRAME_SIZE]: 20_000 }),
    settingsAck,
    frame(1, 0, 1, encode(post).subarray(0, 5)),
    frame(9, 0, 1, ""),
    frame(9, 4, 1, createBlockEncoder()(post).subarray(5)),
    frame(0, 8, 1, Buffer.concat([Buffer.of(3), Buffer.from("body"), Buffer.alloc(3)])),
    frame(0xfe, 0xff, 1, "unknown"),
    priority(1, 3),
    ping,
    data(1, "more", true),
  ]);
  const results = [1, 2, 3, 7, 10, bytes.length].map((step) => {
    const host = new MemoryHost();
    const recorder = new Recorder();
    let path = "";
    const engine = createHttp2Server(host, {
      onRequest(head, _end, response) {
        path = head.path;
        recorder.writer = response;
        return recorder;
      },
    });
    for (let at = 0; at < bytes.length; at += step) engine.receive(bytes.subarray(at, at + step));
    const answers = host.frames(engine).map((seen) => seen.type);
    return { path, body: recorder.body, ended: recorder.ended, answers };
  });
  for (const result of results) {
    assert.deepEqual(result, {
      path: "/a?b",
      body: "bodymore",
      ended: true,
      answers: ["SETTINGS", "WINDOW_UPDATE", "SETTINGS", "PING"],
    });
  }
});

test("cookie crumbs become one field, and host becomes the authority", () => {
  const { requests, sends } = serve();
  const fields: Field[] = [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    ["cookie", "a=1"],
    ["host", "shop"],
    ["x", "y"],
    ["cookie", "b=2"],
    ["cookie", "c=3"],
  ];
  sends(headers(1, fields, true));
  assert.equal(requests[0]?.head.authority, "shop");
  assert.deepEqual(requests[0]?.head.headers, ["cookie", "a=1; b=2; c=3", "x", "y"]);
});

const without = (name: string): Field[] => get.filter(([field]) => field !== name);
const malformed: Readonly<Record<string, Field[]>> = {
  "an upper-case name": [...get, ["X-A", "1"]],
  "an empty name": [...get, ["", "1"]],
  "a space in a name": [...get, ["x a", "1"]],
  "a colon in a name": [...get, ["x:a", "1"]],
  "a line feed in a value": [...get, ["x", "a\nb: c"]],
  "a carriage return in a value": [...get, ["x", "a\rb"]],
  "a NUL in a value": [...get, ["x", "a\0b"]],
  "a leading space in a value": [...get, ["x", " a"]],
  "a trailing tab in a value": [...get, ["x", "a\t"]],
  connection: [...get, ["connection", "close"]],
  "keep-alive": [...get, ["keep-alive", "1"]],
  "proxy-connection": [...get, ["proxy-connection", "close"]],
  "transfer-encoding": [...get, ["transfer-encoding", "chunked"]],
  upgrade: [...get, ["upgrade", "h2c"]],
  "te other than trailers": [...get, ["te", "trailers, deflate"]],
  "no :method": without(":method"),
  "no :scheme": without(":scheme"),
  "no :path": without(":path"),
  "no authority at all": without(":authority"),
  "an empty :path": [...without(":path"), [":path", ""]],
  "a :path without slash": [...without(":path"), [":path", "a"]],
  "a :path with a fragment": [...without(":path"), [":path", "/a#b"]],
  "a :path with a space": [...without(":path"), [":path", "/a HTTP/1.1"]],
  "a :path of * for GET": [...without(":path"), [":path", "*"]],
  "a :scheme with junk": [...without(":scheme"), [":scheme", "https://evil/"]],
  "a :method with a space": [...without(":method"), [":method", "GET /x"]],
  "an empty :authority": [...without(":authority"), [":authority", ""]],
  "userinfo in :authority": [...without(":authority"), [":authority", "me@shop"]],
  "a path in :authority": [...without(":authority"), [":authority", "shop/x"]],
  "two hosts in :authority": [...without(":authority"), [":authority", "a,b"]],
  "port junk in :authority": [...without(":authority"), [":authority", "shop:80x"]],
  "two :path": [...get, [":path", "/b"]],
  "a pseudo-header field after others": [...without(":path"), ["x", "y"], [":path", "/"]],
  "an unknown pseudo-header field": [...get, [":x", "y"]],
  ":status in a request": [...get, [":status", "200"]],
  ":protocol without CONNECT": [...get, [":protocol", "websocket"]],
  "CONNECT with :path": [...connect, [":path", "/"]],
  "CONNECT with :scheme": [...connect, [":scheme", "https"]],
  "CONNECT without :authority": [[":method", "CONNECT"]],
  "extended CONNECT without :path": webSocket.filter(([name]) => name !== ":path"),
  "host other than :authority": [...get, ["host", "evil"]],
  "two hosts": [...get, ["host", "shop:80"], ["host", "shop:80"]],
  "two content-lengths": [...get, ["content-length", "0"], ["content-length", "0"]],
  "a list of content-lengths": [...get, ["content-length", "0, 0"]],
  "a content-length with a sign": [...get, ["content-length", "+0"]],
  "an empty content-length": [...get, ["content-length", ""]],
  "a huge content-length": [...get, ["content-length", "9".repeat(16)]],
  "content-length without a body": [...get, ["content-length", "5"]],
};
for (const [what, fields] of Object.entries(malformed)) {
  test(`a request with ${what} is reset and never seen`, () => {
    const { requests, sends, engine } = serve();
    const seen = sends(headers(1, fields, true));
    assert.deepEqual(seen, [{ type: "RST_STREAM", stream: 1, code: PROTOCOL_ERROR }]);
    assert.equal(requests.length, 0);
    assert.equal(engine.stats.malformed, 1);
    sends(headers(3, get, true));
    assert.equal(requests.length, 1);
  });
}

test("a malformed field in the table stays malformed when it is only referred to", () => {
  const { requests, sends } = serve();
  const literal = Buffer.concat([
    Buffer.of(0x40, 1),
    Buffer.from("X"),
    Buffer.of(1),
    Buffer.from("y"),
  ]);
  const request = plainBlock(get);
  sends(frame(1, 5, 1, Buffer.concat([request, literal])));
  const seen = sends(frame(1, 5, 3, Buffer.concat([request, Buffer.of(0xbe)])));
  assert.deepEqual(seen, [{ type: "RST_STREAM", stream: 3, code: PROTOCOL_ERROR }]);
  assert.equal(requests.length, 0);
});

for (const [what, frames] of Object.entries({
  "more DATA than content-length": [data(1, "123456")],
  "less DATA than content-length": [data(1, "1234", true)],
  "trailers before content-length is met": [data(1, "1234"), headers(1, [["x", "y"]], true)],
  "trailers without END_STREAM": [data(1, "12345"), headers(1, [["x", "y"]])],
  "a pseudo-header field in trailers": [data(1, "12345"), headers(1, [[":path", "/"]], true)],
  "content-length in trailers": [data(1, "12345"), headers(1, [["content-length", "5"]], true)],
})) {
  test(`${what} resets the request, and its owner hears that it was cut`, () => {
    const { requests, sends } = serve();
    const seen = sends(headers(1, [...post, ["content-length", "5"]]), ...frames);
    const answer = seen.filter((one) => one.type === "RST_STREAM");
    assert.deepEqual(answer, [{ type: "RST_STREAM", stream: 1, code: PROTOCOL_ERROR }]);
    const { recorder } = requests[0]!;
    assert.equal(recorder.reset?.code, "protocol_error");
    assert.equal(recorder.ended, false);
  });
}

test("a list that is too large is answered 431, and the next request is served", () => {
  const { requests, sends, engine } = serve();
  const large: Field[] = Array.from({ length: 40 }, (_, index) => [
    `x-${index}`,
    "v".repeat(1_700),
  ]);
  const block = plainBlock([...get, ...large]);
  const seen = sends(
    frame(1, 0, 1, block.subarray(0, 16_000)),
    frame(9, 0, 1, block.subarray(16_000, 32_000)),
    frame(9, 0, 1, block.subarray(32_000, 48_000)),
    frame(9, 0, 1, block.subarray(48_000, 64_000)),
    frame(9, 4, 1, block.subarray(64_000)),
  );
  assert.deepEqual(seen, [
    headersSeen(
      1,
      [
        [":status", "431"],
        ["content-length", "0"],
      ],
      true,
    ),
    { type: "RST_STREAM", stream: 1, code: NO_ERROR },
  ]);
  assert.equal(engine.stats.headersTooLarge, 1);
  sends(headers(3, get, true));
  assert.equal(requests.length, 1);
});

test("a list counts as it will be stored: one-byte references to a large entry add up", () => {
  const { requests, sends, engine } = serve();
  const value = "v".repeat(3_000);
  const entry = Buffer.concat([Buffer.of(0x40, 1), Buffer.from("x"), Buffer.of(0x7f, 0xb9, 0x16)]);
  const first = Buffer.concat([plainBlock(get), entry, Buffer.from(value)]);
  sends(frame(1, 5, 1, first));
  assert.equal(requests[0]?.head.headers[1], value);
  const bomb = Buffer.concat([plainBlock(get), Buffer.alloc(10_000, 0xbe)]);
  const seen = sends(frame(1, 5, 3, bomb));
  assert.equal(seen[0]?.type === "HEADERS" && seen[0].fields[0]?.[1], "431");
  assert.equal(requests.length, 1);
  assert.equal(engine.stats.headersTooLarge, 1);
});

test("a host beside :authority by the thousand never gets to a request", () => {
  const { requests, sends } = serve();
  const hosts: Field[] = Array.from({ length: 1_000 }, () => ["host", "a.test"]);
  sends(headers(1, [...get, ...hosts], true));
  assert.equal(requests.length, 0);
});

test("empty cookie crumbs count as fields", () => {
  const { requests, sends } = serve();
  const crumbs: Field[] = Array.from({ length: 300 }, () => ["cookie", ""]);
  sends(headers(1, [...get, ...crumbs], true));
  assert.equal(requests.length, 0);
});

test("more streams than allowed are refused, and a place is free again when one ends", () => {
  const { requests, sends, engine } = serve({ maxConcurrentStreams: 2 });
  const seen = sends(headers(1, get, true), headers(3, get, true), headers(5, get, true));
  assert.deepEqual(seen, [{ type: "RST_STREAM", stream: 5, code: REFUSED_STREAM }]);
  assert.equal(engine.stats.refused, 1);
  requests[0]?.response.head({ status: 200, headers: [] }, true);
  assert.equal(engine.active, 1);
  sends(headers(7, get, true));
  assert.equal(requests.length, 3);
});

test("a burst of requests is begun in turns, in order, and the peer's end waits behind it", () => {
  const limits = { headBytesPerTurn: 10_000 };
  const { host, engine, requests } = serve({ limits }, answerAtOnce);
  const ids = Array.from({ length: 100 }, (_, n) => 2 * n + 1);
  const bodies = ids.flatMap((id) => [headers(id, post, false), data(id, "body", true)]);
  engine.receive(Buffer.concat(bodies));
  engine.receiveEnd();
  assert.ok(requests.length > 40 && requests.length < 60, `${requests.length} in the first turn`);
  assert.equal(host.finished, false);
  host.showRest(engine);
  assert.equal(host.turns, 1);
  assert.equal(engine.stats.deferrals, 1);
  assert.deepEqual(
    requests.map(({ recorder }) => recorder.body),
    ids.map(() => "body"),
  );
  assert.ok(host.finished, "with the last answer the connection is over");
});

test("requests with large heads fill a turn sooner", () => {
  const { host, engine, requests } = serve({}, answerAtOnce);
  const large: Field[] = [...get, ["x", "y".repeat(16_000)]];
  const ids = Array.from({ length: 20 }, (_, n) => 2 * n + 1);
  engine.receive(Buffer.concat(ids.map((id) => headers(id, large, true))));
  assert.equal(requests.length, 5);
  host.showRest(engine);
  assert.equal(requests.length, 20);
  assert.equal(host.turns, 3);
});

test("a reset by the peer reaches the owner once, and nothing is written after it", () => {
  const { requests, sends, host, engine } = serve();
  sends(headers(1, post), reset(1, CANCEL));
  const { recorder, response } = requests[0]!;
  assert.deepEqual(recorder.events, ["reset"]);
  assert.equal(recorder.reset?.code, "downstream_closed");
  assert.equal(recorder.reset?.http2Code, CANCEL);
  response.head({ status: 200, headers: [] }, false);
  response.data(Buffer.from("x"), true);
  response.reset(cancelled);
  assert.deepEqual(host.frames(engine), []);
});

test("after the owner's reset the peer's frames are swallowed and paid back", () => {
  const { requests, sends } = serve({ connectionWindow: 100_000 });
  sends(headers(1, post));
  requests[0]?.response.reset(cancelled);
  const seen = sends(data(1, Buffer.alloc(16_000)), data(1, Buffer.alloc(16_000)));
  assert.deepEqual(seen, [{ type: "RST_STREAM", stream: 1, code: CANCEL }]);
  const more = sends(data(1, Buffer.alloc(16_000)), data(1, Buffer.alloc(16_000), true));
  assert.deepEqual(more, [{ type: "WINDOW_UPDATE", stream: 0, increment: 64_000 }]);
  assert.deepEqual(requests[0]?.recorder.events, []);
});

test("an early answer goes out whole before RST_STREAM(NO_ERROR) stops the request", () => {
  const { requests, sends, host, engine } = serve();
  sends(settings({ [SETTINGS_INITIAL_WINDOW_SIZE]: 4 }), headers(1, post));
  const { response } = requests[0]!;
  response.head({ status: 413, headers: [] }, false);
  response.data(Buffer.from("too large"), true);
  response.reset(enough);
  assert.deepEqual(host.frames(engine).map(short), ["HEADERS 1", "DATA 1 'too '"]);
  const seen = sends(data(1, "ignored"), windowUpdate(1, 100));
  assert.deepEqual(seen.map(short), ["DATA 1 'large' end", "RST_STREAM 1 0"]);
  assert.deepEqual(requests[0]?.recorder.events, []);
});

test("DATA waits for the stream's window and the connection's, and trailers wait behind it", () => {
  const { requests, sends, host, engine } = serve();
  sends(settings({ [SETTINGS_INITIAL_WINDOW_SIZE]: 3 }), headers(1, get, true));
  const { response, recorder } = requests[0]!;
  response.head({ status: 200, headers: [] }, false);
  response.data(Buffer.from("abcdef"), false);
  response.data(Buffer.from("ghi"), false);
  response.trailers(["x", "y"]);
  assert.deepEqual(host.frames(engine).map(short), ["HEADERS 1", "DATA 1 'abc'"]);
  assert.equal(recorder.credit, 3);
  assert.deepEqual(sends(windowUpdate(1, 1)).map(short), ["DATA 1 'd'"]);
  assert.equal(recorder.credit, 4);
  const rest = sends(settings({ [SETTINGS_INITIAL_WINDOW_SIZE]: 100 }));
  assert.deepEqual(rest.map(short), ["SETTINGS 0", "DATA 1 'efghi'", "HEADERS 1 end"]);
  assert.equal(recorder.credit, 9);
  assert.equal(engine.active, 0);
});

test("a window that SETTINGS made negative must be refilled before anything goes", () => {
  const { requests, sends, host, engine } = serve();
  sends(settings({ [SETTINGS_INITIAL_WINDOW_SIZE]: 10 }), headers(1, get, true));
  const { response } = requests[0]!;
  response.head({ status: 200, headers: [] }, false);
  response.data(Buffer.from("0123456789abc"), true);
  host.frames(engine);
  sends(settings({ [SETTINGS_INITIAL_WINDOW_SIZE]: 4 }));
  assert.deepEqual(sends(windowUpdate(1, 6)), []);
  assert.deepEqual(sends(windowUpdate(1, 1)).map(short), ["DATA 1 'a'"]);
});

test("streams that wait for the connection's window take turns", () => {
  const { requests, sends, host, engine } = serve();
  sends(settings({ [SETTINGS_INITIAL_WINDOW_SIZE]: MAX_31_BITS }));
  for (const id of [1, 3, 5]) sends(headers(id, get, true));
  for (const { response } of requests) {
    response.head({ status: 200, headers: [] }, false);
    response.data(Buffer.alloc(100_000), true);
  }
  host.frames(engine);
  const order = sends(windowUpdate(0, 6 * 16_384)).map((seen) =>
    "stream" in seen ? seen.stream : 0,
  );
  assert.deepEqual(
    order.slice(0, 6).toSorted((a, b) => a - b),
    [1, 1, 3, 3, 5, 5],
  );
  assert.notEqual(order[0], order[1]);
});

test("a body that fits the peer's MAX_FRAME_SIZE is one frame, a larger one is cut to TLS records", () => {
  const { requests, sends, host, engine } = serve();
  sends(settings({ [SETTINGS_MAX_FRAME_SIZE]: 20_000 }), headers(1, get, true));
  const { response } = requests[0]!;
  response.head({ status: 200, headers: [] }, false);
  response.data(Buffer.alloc(20_000), false);
  response.data(Buffer.alloc(45_000), true);
  const sizes = host.frames(engine).map((seen) => (seen.type === "DATA" ? seen.data.length : 0));
  // 16,384 bytes of a record less the 9 of a frame's header; what is left at the end fits the peer's size.
  assert.deepEqual(sizes, [0, 20_000, 16_375, 16_375, 12_250]);
});

test("a head larger than a frame goes on in CONTINUATION", () => {
  const { requests, sends, host, engine } = serve();
  sends(headers(1, get, true));
  const list = ["x-large", "v".repeat(40_000)];
  requests[0]?.response.head({ status: 200, headers: list }, true);
  const seen = host.frames(engine);
  assert.deepEqual(
    seen.map((one) => one.type),
    ["CONTINUATION", "CONTINUATION", "HEADERS"],
  );
  assert.deepEqual(
    seen[2],
    headersSeen(
      1,
      [
        [":status", "200"],
        ["x-large", "v".repeat(40_000)],
      ],
      true,
    ),
  );
});

test("what the reader grants is told to the peer by half windows", () => {
  const { requests, sends, host, engine } = serve({
    streamWindow: 80_000,
    largestStreamWindow: 80_000,
    connectionWindow: 200_000,
  });
  sends(headers(1, post));
  const { recorder, response } = requests[0]!;
  recorder.granting = false;
  for (let sent = 0; sent < 80_000; sent += 16_000) {
    assert.deepEqual(sends(data(1, Buffer.alloc(16_000))), []);
  }
  response.grant(39_999);
  assert.deepEqual(host.frames(engine), []);
  response.grant(1);
  assert.deepEqual(host.frames(engine), [{ type: "WINDOW_UPDATE", stream: 1, increment: 40_000 }]);
  response.grant(1_000_000);
  assert.deepEqual(host.frames(engine), [{ type: "WINDOW_UPDATE", stream: 1, increment: 40_000 }]);
});

test("a reader that keeps up gets twice the window, up to the largest; a slow one keeps the first", () => {
  const { requests, sends, host, engine } = serve({
    streamWindow: 64_000,
    largestStreamWindow: 160_000,
  });
  const increments = (): number[] =>
    host.frames(engine).flatMap((seen) => (seen.type === "WINDOW_UPDATE" ? [seen.increment] : []));
  sends(headers(1, post), headers(3, post));
  for (const { recorder } of requests) recorder.granting = false;
  const [fast, slow] = requests.map(({ response }) => response);
  const send = (stream: number, bytes: number): void => {
    for (let sent = 0; sent < bytes; sent += 16_000) sends(data(stream, Buffer.alloc(16_000)));
  };
  send(1, 32_000);
  fast!.grant(32_000);
  assert.deepEqual(increments(), [32_000 + 64_000]);
  send(1, 64_000);
  fast!.grant(64_000);
  assert.deepEqual(increments(), [64_000 + 32_000]);
  send(1, 80_000);
  fast!.grant(80_000);
  assert.deepEqual(increments(), [80_000]);
  send(3, 64_000);
  slow!.grant(32_000);
  assert.deepEqual(increments(), [32_000]);
});

test("a stream that ends gives back to the connection what its owner never granted", () => {
  const { requests, sends, host, engine } = serve({ connectionWindow: 100_000 });
  sends(headers(1, post));
  const { recorder, response } = requests[0]!;
  recorder.granting = false;
  for (let sent = 0; sent < 64_000; sent += 16_000) sends(data(1, Buffer.alloc(16_000)));
  response.reset(cancelled);
  assert.deepEqual(host.frames(engine).map(short), ["RST_STREAM 1 8", "WINDOW_UPDATE 0 64000"]);
});

test("more DATA than a stream's window resets it, more than the connection's ends it", () => {
  const stream = serve({ streamWindow: 70_000 });
  stream.sends(headers(1, post));
  stream.requests[0]!.recorder.granting = false;
  const overrun = Array.from({ length: 5 }, () => data(1, Buffer.alloc(16_000)));
  assert.deepEqual(stream.sends(...overrun).map(short), [`RST_STREAM 1 ${FLOW_CONTROL_ERROR}`]);
  const connection = serve({ connectionWindow: 70_000 });
  connection.sends(headers(1, post));
  connection.requests[0]!.recorder.granting = false;
  assert.deepEqual(connection.sends(...overrun).map(short), [`GOAWAY 1 ${FLOW_CONTROL_ERROR}`]);
  assert.equal(connection.requests[0]?.recorder.reset?.code, "protocol_error");
  assert.equal(connection.host.closed, true);
});

test("padding is paid back at once", () => {
  const { requests, sends } = serve({ connectionWindow: 100_000 });
  sends(headers(1, post));
  const { recorder } = requests[0]!;
  recorder.granting = false;
  const padded = frame(
    0,
    8,
    1,
    Buffer.concat([Buffer.of(255), Buffer.from("x"), Buffer.alloc(255)]),
  );
  const seen = sends(...Array.from({ length: 200 }, () => padded));
  assert.equal(recorder.body.length, 200);
  assert.deepEqual(seen.map(short), ["WINDOW_UPDATE 0 50176"]);
});

test("classic CONNECT is a tunnel that both sides may half-close", () => {
  const { requests, sends, host, engine } = serve();
  sends(headers(1, [...connect, ["forwarded", "for=x"]]));
  const { head, recorder, response } = requests[0]!;
  assert.deepEqual(
    [head.method, head.authority, head.scheme, head.path, head.protocol],
    ["CONNECT", "10.0.0.1:80", "", "", ""],
  );
  response.head({ status: 200, headers: [] }, false);
  sends(data(1, "ping", true));
  assert.equal(recorder.ended, true);
  response.data(Buffer.from("pong"), false);
  response.data(Buffer.alloc(0), true);
  assert.deepEqual(host.frames(engine).map(short), ["DATA 1 'pong'", "DATA 1 '' end"]);
  assert.equal(engine.active, 0);
});

test("extended CONNECT is GET with a protocol, and 101 is 200 on the wire", () => {
  const { requests, sends, host, engine } = serve();
  sends(headers(1, webSocket));
  const { head, response } = requests[0]!;
  assert.deepEqual([head.method, head.protocol, head.path], ["GET", "websocket", "/a?b"]);
  response.head({ status: 101, headers: ["sec-websocket-protocol", "chat"] }, false);
  assert.deepEqual(host.frames(engine), [
    headersSeen(
      1,
      [
        [":status", "200"],
        ["sec-websocket-protocol", "chat"],
      ],
      false,
    ),
  ]);
});

test("a 2xx that did not switch protocols does not look like one that did", () => {
  const { sends } = serve({}, ({ response }) => response.head({ status: 200, headers: [] }, true));
  assert.deepEqual(sends(headers(1, webSocket)), [headersSeen(1, [[":status", "502"]], true)]);
});

test("extended CONNECT is malformed where it was not offered", () => {
  const { sends } = serve({ extendedConnect: false });
  assert.deepEqual(sends(headers(1, webSocket)).map(short), ["RST_STREAM 1 1"]);
});

test("a drain lets what runs finish: GOAWAY, PING, then GOAWAY with the last stream, then FIN", () => {
  const { engine, requests, sends, host } = serve();
  sends(headers(1, get, true));
  engine.drain();
  const [first, second] = host.frames(engine);
  assert.deepEqual(first, { type: "GOAWAY", last: MAX_31_BITS, code: NO_ERROR });
  assert.equal(second?.type, "PING");
  sends(headers(3, get, true));
  assert.equal(requests.length, 2);
  const payload = second?.type === "PING" ? second.payload : "";
  const final = sends(frame(6, 1, 0, payload));
  assert.deepEqual(final, [{ type: "GOAWAY", last: 3, code: NO_ERROR }]);
  sends(headers(5, post), data(5, "x"), reset(5, CANCEL), windowUpdate(5, 1));
  assert.equal(requests.length, 2);
  assert.equal(host.closed, false);
  for (const { response } of requests) {
    assert.equal(host.finished, false);
    response.head({ status: 200, headers: [] }, true);
  }
  assert.equal(host.finished, true);
});

test("a drain does not wait for a PING that is never answered", () => {
  const { engine, host } = serve();
  engine.drain();
  engine.tick();
  assert.deepEqual(host.frames(engine).map(short), [
    `GOAWAY ${MAX_31_BITS} 0`,
    "PING 0",
    "GOAWAY 0 0",
  ]);
  assert.equal(host.finished, true);
});

test("a client's FIN cuts what it had not finished, and lets the rest be answered", () => {
  const { engine, requests, sends, host } = serve();
  sends(headers(1, get, true), headers(3, post));
  engine.receiveEnd();
  assert.equal(requests[1]?.recorder.reset?.code, "downstream_closed");
  assert.deepEqual(requests[0]?.recorder.events, []);
  assert.equal(host.finished, false);
  requests[0]?.response.head({ status: 200, headers: [] }, true);
  assert.equal(host.finished, true);
});

test("a client's GOAWAY ends nothing by itself", () => {
  const { requests, sends, host } = serve();
  sends(headers(1, get, true), goaway(0, NO_ERROR));
  assert.equal(requests[0]?.recorder.reset, undefined);
  assert.equal(host.closed, false);
});

test("a PING is answered with its payload, and a keepalive PING is asked once at a time", () => {
  const { engine, sends, host } = serve();
  assert.deepEqual(sends(ping), [{ type: "PING", ack: true, payload: "12345678" }]);
  assert.equal(engine.ping(), true);
  assert.equal(engine.ping(), false);
  const [asked] = host.frames(engine);
  sends(frame(6, 1, 0, asked?.type === "PING" ? asked.payload : ""));
  assert.equal(engine.ping(), true);
});

const connectionErrors: Readonly<Record<string, readonly [code: number, ...frames: Buffer[]]>> = {
  "an even stream": [PROTOCOL_ERROR, headers(2, get, true)],
  "HEADERS on stream 0": [PROTOCOL_ERROR, headers(0, get, true)],
  "DATA on an idle stream": [PROTOCOL_ERROR, data(1, "x")],
  "HEADERS on a finished stream": [STREAM_CLOSED, headers(1, get, true), headers(1, get, true)],
  "a smaller stream than the last": [STREAM_CLOSED, headers(5, get, true), headers(3, get, true)],
  PUSH_PROMISE: [PROTOCOL_ERROR, frame(5, 4, 1, uint32(2))],
  "RST_STREAM on an idle stream": [PROTOCOL_ERROR, reset(1, CANCEL)],
  "WINDOW_UPDATE of nothing on the connection": [PROTOCOL_ERROR, windowUpdate(0, 0)],
  "a connection window above 2^31-1": [FLOW_CONTROL_ERROR, windowUpdate(0, MAX_31_BITS)],
  "a frame inside a header block": [PROTOCOL_ERROR, frame(1, 0, 1, plainBlock(get)), ping],
  "a broken header block": [9, frame(1, 5, 1, Buffer.of(0x80))],
  "a frame above MAX_FRAME_SIZE": [6, data(1, Buffer.alloc(16_385))],
  "padding longer than its frame": [
    PROTOCOL_ERROR,
    headers(1, post),
    frame(0, 8, 1, Buffer.of(9, 1)),
  ],
};
for (const [what, [code, ...frames]] of Object.entries(connectionErrors)) {
  test(`${what} ends the connection with GOAWAY`, () => {
    const { sends, host, engine } = serve({}, answerAtOnce);
    const seen = sends(...frames);
    const last = seen.at(-1);
    assert.equal(last?.type === "GOAWAY" ? last.code : -1, code);
    assert.equal(host.closeReset?.code, "protocol_error");
    assert.equal(engine.stats.connectionErrors, 1);
    assert.deepEqual(sends(headers(101, get, true)), []);
  });
}

test("anything but the client preface is refused", () => {
  const host = new MemoryHost();
  const engine = createHttp2Server(host, { onRequest: () => new Recorder() });
  engine.receive(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
  assert.equal(host.frames(engine).at(-1)?.type, "GOAWAY");
  assert.equal(host.closed, true);
});

test("a lost transport resets every exchange with its reason", () => {
  const { engine, requests, sends } = serve();
  sends(headers(1, get, true), headers(3, post));
  engine.closed({ ...cancelled, code: "idle_timeout" });
  for (const { recorder } of requests) assert.equal(recorder.reset?.code, "idle_timeout");
  assert.equal(engine.active, 0);
});

test("a stream that takes no data is reset in the end, however it drips", () => {
  const { engine, requests, sends, host } = serve({ limits: { stallTicks: 3 } });
  sends(settings({ [SETTINGS_INITIAL_WINDOW_SIZE]: 0 }), headers(1, get, true));
  requests[0]?.response.head({ status: 200, headers: [] }, false);
  requests[0]?.response.data(Buffer.alloc(10_000), true);
  for (let second = 0; second < 3; second += 1) {
    sends(windowUpdate(1, 1));
    engine.tick();
  }
  assert.equal(requests[0]?.recorder.reset?.code, "idle_timeout");
  assert.deepEqual(host.frames(engine).map(short), [`RST_STREAM 1 ${ENHANCE_YOUR_CALM}`]);
});

function headersSeen(stream: number, fields: Field[], end: boolean): Seen {
  return { type: "HEADERS", stream, fields, end };
}

function short(seen: Seen): string {
  switch (seen.type) {
    case "DATA":
      return `DATA ${seen.stream} '${seen.data}'${seen.end ? " end" : ""}`;
    case "HEADERS":
      return `HEADERS ${seen.stream}${seen.end ? " end" : ""}`;
    case "RST_STREAM":
      return `RST_STREAM ${seen.stream} ${seen.code}`;
    case "GOAWAY":
      return `GOAWAY ${seen.last} ${seen.code}`;
    case "WINDOW_UPDATE":
      return `WINDOW_UPDATE ${seen.stream} ${seen.increment}`;
    case "PING":
    case "SETTINGS":
    case "CONTINUATION":
    default:
      return `${seen.type} 0`;
  }
}
