import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reset } from "../exchange.ts";
import { byteByByte, inOnePiece, randomly, type Splitter } from "./testing/fake-host.ts";
import { type Accepted, describe } from "./testing/recorder.ts";
import { serve } from "./testing/scenes.ts";

const get = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
const post = "POST / HTTP/1.1\r\nHost: a.example\r\n";
const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const cancelled: Reset = {
  code: "upstream_reset",
  http2Code: 8,
  detail: "upstream reset the stream",
  unprocessed: false,
};

function sayOk({ response }: Accepted): void {
  response.head({ status: 200, headers: ["content-length", "2"] }, false);
  response.data(Buffer.from("ok"), true);
}

const ways: readonly (readonly [string, Splitter])[] = [
  ["in one piece", inOnePiece],
  ["byte by byte", byteByByte],
  ["in random pieces", randomly(7)],
  ["in other random pieces", randomly(99)],
];

test("a request is answered and the connection serves the next", () => {
  const { peer, app, engine } = serve(sayOk);
  for (let round = 0; round < 3; round += 1) {
    peer.sends(get);
    assert.equal(peer.hears(), ok);
    assert.ok(engine.idle);
  }
  assert.equal(app.accepted.length, 3);
});

/** Several requests in a row, and what an application understands of them. */
const conversation =
  `\r\n${get}${post}Content-Length: 5\r\n\r\nhello` +
  `${post}Transfer-Encoding: chunked\r\n\r\n3;x="a\\"b;";y\r\nabc\r\n0a\r\n0123456789\r\n000\r\nT: v\r\nU: w\r\n\r\n` +
  `HEAD /h HTTP/1.1\r\nHost: a.example\r\n\r\n${post}Content-Length: 0\r\n\r\n` +
  `POST / HTTP/1.0\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi` +
  `GET /last HTTP/1.1\r\nHost: b.example\r\nConnection: close\r\n\r\n${get}`;

for (const [how, split] of ways) {
  test(`a conversation that arrives ${how} has one meaning`, () => {
    const { peer, host, app } = serve(describe, split);
    peer.sends(conversation);
    const meanings = app.accepted.map(({ head, request }) => [
      head.method + head.path,
      request.body,
    ]);
    assert.deepEqual(meanings, [
      ["GET/", ""],
      ["POST/", "hello"],
      ["POST/", "abc0123456789"],
      ["HEAD/h", ""],
      ["POST/", ""],
      ["POST/", "hi"],
      ["GET/last", ""],
    ]);
    assert.equal(app.accepted[2]?.request.events[0], "trailers [t=v; u=w]");
    const heard = peer.hears();
    assert.equal(heard.split("HTTP/1.1 200 OK").length, 8);
    assert.match(heard, /connection: keep-alive\r\n[^]*connection: close\r\n/);
    assert.ok(host.finished);
  });
}

test("pipelined requests wait, unread, until the response before them is complete", () => {
  const { peer, host, app } = serve();
  peer.sends(get + get + get);
  assert.equal(app.accepted.length, 1);
  assert.ok(host.paused);
  sayOk(app.last);
  assert.equal(app.accepted.length, 2);
  sayOk(app.last);
  assert.ok(!host.paused);
  sayOk(app.last);
  assert.equal(peer.hears(), ok + ok + ok);
});

test("ten thousand pipelined requests are answered in order", () => {
  let count = 0;
  const { peer, app } = serve(({ head, response }) => {
    count += 1;
    assert.equal(head.path, `/${count}`);
    response.head({ status: 204, headers: ["x-n", String(count)] }, true);
  });
  const requests = Array.from(
    { length: 10_000 },
    (_, at) => `GET /${at + 1} HTTP/1.1\r\nHost: a\r\n\r\n`,
  );
  peer.sends(requests.join(""));
  assert.equal(app.accepted.length, 10_000);
  assert.ok(peer.hears().endsWith("x-n: 10000\r\n\r\n"));
});

test("a client that does not read its responses gets no more than a window of them", () => {
  const { peer, host, app } = serve(({ response }) => {
    response.head({ status: 200, headers: ["content-length", "40000"] }, false);
    response.data(Buffer.alloc(40_000), true);
  });
  host.holdsBack = true;
  peer.sends(get.repeat(100));
  assert.equal(app.accepted.length, 2);
  assert.ok(host.paused);
  host.flush();
  assert.equal(app.accepted.length, 4);
});

test("reading stops at a window of body that nobody took, and resumes at half", () => {
  const { peer, host, app } = serve();
  peer.sends(`${post}Content-Length: 200000\r\n\r\n`);
  const { request, response } = app.last;
  request.writer = undefined;
  peer.sends("x".repeat(65_535));
  assert.ok(!host.paused);
  peer.sends("x");
  assert.ok(host.paused);
  response.grant(32_767);
  assert.ok(host.paused);
  response.grant(1);
  assert.ok(!host.paused);
});

test("credit comes when the written bytes have left", () => {
  const { host, peer, app } = serve();
  host.holdsBack = true;
  peer.sends(get);
  app.last.response.head({ status: 200, headers: [] }, false);
  app.last.response.data(Buffer.alloc(1_000), false);
  app.last.response.data(Buffer.alloc(500), false);
  assert.equal(app.last.request.credit, 0);
  host.flush();
  assert.equal(app.last.request.credit, 1_500);
});

const framings: readonly (readonly [string, string, string[], string])[] = [
  [
    "a length that is known",
    "GET / HTTP/1.1",
    ["content-length", "4"],
    "content-length: 4\r\n\r\nbody",
  ],
  [
    "no length, HTTP/1.1",
    "GET / HTTP/1.1",
    [],
    "transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
  ],
  ["no length, HTTP/1.0", "GET / HTTP/1.0", [], "connection: close\r\n\r\nbody"],
  [
    "no length, HTTP/1.0 with keep-alive",
    "GET / HTTP/1.0\r\nConnection: keep-alive",
    [],
    "connection: close\r\n\r\nbody",
  ],
  [
    "a length, HTTP/1.0 with keep-alive",
    "GET / HTTP/1.0\r\nConnection: keep-alive",
    ["content-length", "4"],
    "content-length: 4\r\nconnection: keep-alive\r\n\r\nbody",
  ],
  [
    "a length, HTTP/1.0",
    "GET / HTTP/1.0",
    ["content-length", "4"],
    "content-length: 4\r\nconnection: close\r\n\r\nbody",
  ],
  [
    "the same length twice",
    "GET / HTTP/1.1",
    ["content-length", "4", "content-length", "4"],
    "content-length: 4\r\n\r\nbody",
  ],
];
for (const [what, line, headers, expected] of framings) {
  test(`a body with ${what} is framed accordingly`, () => {
    const { peer, app } = serve();
    peer.sends(`${line}\r\nHost: a.example\r\n\r\n`);
    app.last.response.head({ status: 200, headers }, false);
    app.last.response.data(Buffer.from("body"), false);
    app.last.response.data(Buffer.alloc(0), true);
    assert.equal(peer.hears(), `HTTP/1.1 200 OK\r\n${expected}`);
  });
}

const bodiless: readonly (readonly [string, number, string[], string])[] = [
  ["GET", 204, ["content-length", "5"], "HTTP/1.1 204 No Content\r\n\r\n"],
  ["GET", 304, ["content-length", "5"], "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n"],
  ["HEAD", 200, ["content-length", "5"], "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"],
  ["HEAD", 200, [], "HTTP/1.1 200 OK\r\n\r\n"],
  ["GET", 200, [], "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"],
  ["GET", 299, [], "HTTP/1.1 299 \r\ncontent-length: 0\r\n\r\n"],
];
for (const [method, status, headers, expected] of bodiless) {
  test(`${status} to ${method} with ${headers.length / 2} lengths has no body`, () => {
    const { peer, app, engine } = serve();
    peer.sends(`${method} / HTTP/1.1\r\nHost: a.example\r\n\r\n`);
    app.last.response.head({ status, headers }, true);
    assert.equal(peer.hears(), expected);
    assert.ok(engine.idle);
  });
}

test("trailers follow a chunked body", () => {
  const { peer, app } = serve();
  peer.sends(get);
  app.last.response.head({ status: 200, headers: [] }, false);
  app.last.response.data(Buffer.alloc(300, "x"), false);
  app.last.response.trailers(["grpc-status", "0"]);
  assert.ok(
    peer.hears().endsWith("\r\n\r\n12c\r\n" + "x".repeat(300) + "\r\n0\r\ngrpc-status: 0\r\n\r\n"),
  );
});

const unwritable: readonly (readonly [string, number, string[]])[] = [
  ["CRLF in a value", 200, ["x", "a\r\nset-cookie: b"]],
  ["NUL in a value", 200, ["x", "a\0"]],
  ["a character above U+00FF", 200, ["x", "a\u010a"]],
  ["CRLF in a name", 200, ["x\r\ny", "a"]],
  ["a colon in a name", 200, ["x:y", "a"]],
  ["a space in a name", 200, ["x ", "a"]],
  ["an empty name", 200, ["", "a"]],
  ["transfer-encoding", 200, ["transfer-encoding", "chunked"]],
  ["connection", 200, ["connection", "close"]],
  ["two lengths", 200, ["content-length", "4", "content-length", "5"]],
  ["a bad length", 200, ["content-length", "4x"]],
  ["a status of four digits", 1_000, []],
  ["a status that is no number", Number.NaN, []],
  ["101 that nobody asked for", 101, []],
];
for (const [what, status, headers] of unwritable) {
  test(`a response head with ${what} is not written: the connection is cut`, () => {
    const { peer, host, app } = serve();
    peer.sends(get);
    app.last.response.head({ status, headers }, false);
    assert.equal(peer.hears(), "");
    assert.equal(host.closeReset?.code, "protocol_error");
    assert.equal(app.last.request.reset?.code, "protocol_error");
  });
}

test("a body that is not as long as announced cuts the connection", () => {
  for (const [text, end] of [
    ["12345", false],
    ["123", true],
  ] as const) {
    const { peer, host, app } = serve();
    peer.sends(get);
    app.last.response.head({ status: 200, headers: ["content-length", "4"] }, false);
    app.last.response.data(Buffer.from(text), end);
    assert.equal(peer.hears(), "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n");
    assert.ok(host.closeReset);
  }
});

test("a response that is reset half-way stays visibly incomplete", () => {
  const { peer, host, app } = serve();
  peer.sends(get);
  app.last.response.head({ status: 200, headers: [] }, false);
  app.last.response.data(Buffer.from("half"), false);
  app.last.response.reset(cancelled);
  app.last.response.data(Buffer.from("late"), true);
  assert.ok(peer.hears().endsWith("\r\n\r\n4\r\nhalf\r\n"));
  assert.equal(host.closeReset, cancelled);
  assert.equal(app.last.request.reset, undefined);
});

test("trailers that cannot be written cut the connection", () => {
  const { peer, host, app } = serve();
  peer.sends(get);
  app.last.response.head({ status: 200, headers: [] }, false);
  app.last.response.trailers(["x", "a\r\nb: c"]);
  assert.ok(!peer.hears().includes("b: c"));
  assert.ok(host.closeReset);
});

test("late calls for an answered request do not touch the next one", () => {
  const { peer, app } = serve();
  peer.sends(get);
  const first = app.last;
  sayOk(first);
  peer.sends(get);
  peer.hears();
  first.response.head({ status: 500, headers: [] }, true);
  first.response.data(Buffer.from("late"), true);
  first.response.reset(cancelled);
  assert.equal(peer.hears(), "");
  sayOk(app.last);
  assert.equal(peer.hears(), ok);
});

test("interim responses pass to HTTP/1.1 clients and not to older ones", () => {
  for (const [version, expected] of [
    ["1.1", "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"],
    ["1.0", ""],
  ] as const) {
    const { peer, app } = serve();
    peer.sends(`GET / HTTP/${version}\r\nHost: a.example\r\n\r\n`);
    app.last.response.head({ status: 103, headers: ["link", "x"] }, false);
    app.last.response.head({ status: 100, headers: [] }, false);
    assert.equal(peer.hears(), expected);
  }
});

test("an expectation is passed on, and the body follows the interim answer", () => {
  const { peer, app, engine } = serve(sayOk);
  peer.sends(`${post}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`);
  assert.deepEqual(app.last.head.headers, ["expect", "100-continue", "content-length", "2"]);
  app.last.response.head({ status: 100, headers: [] }, false);
  assert.equal(peer.hears(), "HTTP/1.1 100 Continue\r\n\r\n");
  peer.sends("hi");
  assert.equal(peer.hears(), ok);
  assert.ok(engine.idle);
});

test("a final answer to an unmet expectation closes: what follows is neither body nor request", () => {
  const { peer, host, app } = serve();
  peer.sends(`${post}Expect: 100-continue\r\nContent-Length: ${get.length}\r\n\r\n`);
  app.last.response.head({ status: 417, headers: [] }, true);
  assert.match(peer.hears(), /connection: close\r\n\r\n$/);
  assert.ok(host.finished);
  assert.equal(app.last.request.reset?.http2Code, 0);
  peer.sends(get);
  assert.equal(app.accepted.length, 1);
});

test("an early response does not stop the upload; a reset after it ends both politely", () => {
  const { peer, host, app, engine } = serve();
  peer.sends(`${post}Content-Length: 4\r\n\r\nab`);
  sayOk(app.last);
  assert.equal(engine.active, 1);
  peer.sends("cd");
  assert.equal(app.last.request.body, "abcd");
  assert.ok(engine.idle);
  peer.sends(`${post}Content-Length: 4\r\n\r\nab`);
  sayOk(app.last);
  app.last.response.reset({ ...cancelled, http2Code: 0 });
  assert.ok(host.finished);
  assert.ok(!host.isClosed);
  assert.equal(peer.hears(), ok + ok);
});

test("a client may end its side after the request and still hears the response", () => {
  const { peer, host, app } = serve();
  peer.sends(get + get).ends();
  sayOk(app.last);
  assert.ok(!host.finished);
  sayOk(app.last);
  assert.match(peer.hears(), /^[^]*ok[^]*connection: close\r\n\r\nok$/);
  assert.ok(host.finished);
});

test("an end between requests is orderly, within a head it is not", () => {
  const orderly = serve();
  orderly.peer.ends();
  assert.ok(orderly.host.isClosed);
  assert.equal(orderly.host.closeReset, undefined);
  const cut = serve();
  cut.peer.sends("GET / HT").ends();
  assert.equal(cut.host.closeReset?.code, "downstream_closed");
});

test("an end within the body resets the request", () => {
  for (const framing of [
    "Content-Length: 5\r\n\r\nab",
    "Transfer-Encoding: chunked\r\n\r\n2\r\nab",
  ]) {
    const { peer, host, app } = serve();
    peer.sends(post + framing).ends();
    assert.equal(app.last.request.body, "ab");
    assert.ok(!app.last.request.ended);
    assert.equal(app.last.request.reset?.code, "downstream_closed");
    assert.ok(host.isClosed);
  }
});

test("a bad body is answered with 400 before the response began, and cuts it afterwards", () => {
  const before = serve();
  before.peer.sends(`${post}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`);
  assert.match(before.peer.hears(), /^HTTP\/1.1 400 /);
  assert.ok(before.host.finished);
  assert.equal(before.app.last.request.reset?.code, "protocol_error");
  const after = serve();
  after.peer.sends(`${post}Transfer-Encoding: chunked\r\n\r\n`);
  after.app.last.response.head({ status: 200, headers: [] }, false);
  after.peer.sends("xyz\r\n");
  assert.ok(!after.peer.hears().includes("400"));
  assert.equal(after.host.closeReset?.code, "protocol_error");
});

test("the transport's end resets the exchange that is running", () => {
  const { peer, engine, app } = serve();
  peer.sends(get);
  engine.closed({ ...cancelled, code: "downstream_closed" });
  assert.equal(app.last.request.reset?.code, "downstream_closed");
  sayOk(app.last);
  assert.equal(peer.hears(), "");
  assert.equal(engine.active, 0);
});

test("draining ends an idle connection at once and a busy one after its response", () => {
  const idle = serve();
  idle.engine.drain();
  assert.ok(idle.host.finished);
  const busy = serve();
  busy.peer.sends(get + get);
  busy.engine.drain();
  assert.ok(!busy.host.finished);
  sayOk(busy.app.last);
  assert.match(busy.peer.hears(), /connection: close\r\n\r\nok$/);
  assert.ok(busy.host.finished);
  assert.equal(busy.app.accepted.length, 1);
});

test("a head that has begun when draining starts is still served", () => {
  const { peer, host, engine } = serve(sayOk);
  peer.sends("GET / HTTP/1.1\r\n");
  assert.ok(engine.readingHead);
  engine.drain();
  peer.sends("Host: a\r\n\r\n");
  assert.match(peer.hears(), /connection: close/);
  assert.ok(host.finished);
});

test("a large head is refused before it is held whole", () => {
  const { peer, host } = serve(undefined, inOnePiece, { headBytes: 1_000 });
  peer.sends(`GET / HTTP/1.1\r\n`);
  for (let sent = 0; sent < 1_100 && !host.finished; sent += 100) peer.sends("x".repeat(100));
  assert.match(peer.hears(), /^HTTP\/1.1 431 /);
});

test("a head that does not become complete in time is answered with 408", () => {
  const { peer, engine, app } = serve(sayOk);
  peer.sends("GET / HTTP/1.1\r\nHost: a.ex");
  for (let tick = 0; tick < 30; tick += 1) engine.tick();
  assert.equal(peer.hears(), "");
  engine.tick();
  assert.match(peer.hears(), /^HTTP\/1\.1 408 Request Timeout\r\n/);
  assert.equal(app.accepted.length, 0);
});

test("an idle connection may wait for its next request as long as it likes", () => {
  const { peer, engine } = serve(sayOk);
  peer.sends(get);
  assert.equal(peer.hears(), ok);
  for (let tick = 0; tick < 1_000; tick += 1) engine.tick();
  peer.sends(get);
  assert.equal(peer.hears(), ok);
});
