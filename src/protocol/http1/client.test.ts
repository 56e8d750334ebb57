import assert from "node:assert/strict";
import { test } from "node:test";
import type { Reset } from "../exchange.ts";
import { byteByByte, inOnePiece, randomly } from "./testing/fake-host.ts";
import { Recorder } from "./testing/recorder.ts";
import { dial, request } from "./testing/scenes.ts";

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const ways = [inOnePiece, byteByByte, randomly(3)];
const gone: Reset = {
  code: "upstream_closed",
  http2Code: 2,
  detail: "connection reset",
  unprocessed: false,
};

test("a connection carries one exchange after the other", () => {
  const { peer, engine, told } = dial();
  for (let round = 1; round <= 3; round += 1) {
    assert.equal(engine.capacity, 1);
    const response = new Recorder();
    engine.open(request({ headers: ["accept", "*/*"] }), true, response);
    assert.equal(engine.capacity, 0);
    assert.equal(peer.hears(), "GET / HTTP/1.1\r\nhost: a.example\r\naccept: */*\r\n\r\n");
    peer.sends(ok);
    assert.deepEqual(response.events, ["head 200 [content-length=2]", 'end "ok"']);
    assert.deepEqual(told, Array<string>(round).fill("idle"));
  }
});

/** Method, the server's bytes, what is heard, and whether the connection is idle afterwards. */
const responses: readonly (readonly [string, string, string[], boolean])[] = [
  ["GET", ok, ["head 200 [content-length=2]", 'end "ok"'], true],
  [
    "GET",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ["head 200 []", 'end "ok"'],
    true,
  ],
  [
    "GET",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nGrpc-Status: 0\r\n\r\n",
    ["head 200 []", "trailers [grpc-status=0]", 'end "ok"'],
    true,
  ],
  [
    "HEAD",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
    ["head 200 [content-length=2]", 'end ""'],
    true,
  ],
  [
    "HEAD",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ["head 200 []", 'end ""'],
    true,
  ],
  ["GET", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", ["head 204 []", 'end ""'], true],
  [
    "GET",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n",
    ["head 304 [content-length=2]", 'end ""'],
    true,
  ],
  [
    "GET",
    "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
    ["head 200 [content-length=0]", 'end ""'],
    true,
  ],
  [
    "GET",
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${ok}`,
    ["head 100 []", "head 103 [link=x]", "head 200 [content-length=2]", 'end "ok"'],
    true,
  ],
  [
    "GET",
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    ["head 200 [content-length=2]", 'end "ok"'],
    false,
  ],
  [
    "GET",
    "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ["head 200 [content-length=2]", 'end "ok"'],
    false,
  ],
  [
    "GET",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    ["head 200 [content-length=2]", 'end "ok"'],
    true,
  ],
];
for (const [method, bytes, events, idle] of responses) {
  test(`${JSON.stringify(bytes.slice(0, 70))} to ${method} is read as what it says`, () => {
    for (const split of ways) {
      const { peer, engine, told, host } = dial(split);
      const response = new Recorder();
      engine.open(request({ method }), true, response);
      peer.hears();
      peer.sends(bytes);
      assert.deepEqual(response.events, events);
      assert.equal(engine.idle, idle);
      assert.deepEqual(told, [idle ? "idle" : "unusable"]);
      assert.equal(host.isClosed, !idle);
    }
  });
}

test("a response without length ends with the connection, and that is a proper end", () => {
  for (const split of ways) {
    const { peer, engine, told, host } = dial(split);
    const response = new Recorder();
    engine.open(request(), true, response);
    peer.hears();
    peer.sends("HTTP/1.1 200 OK\r\n\r\nuntil close");
    assert.ok(!response.ended);
    peer.ends();
    assert.deepEqual(response.events, ["head 200 []", 'end "until close"']);
    assert.deepEqual(told, ["unusable"]);
    assert.equal(host.closeReset, undefined);
  }
});

/** What a server may lie about; each ends the connection and the exchange. */
const lies: readonly (readonly [string, string])[] = [
  [
    "length and chunks",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
  ],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"],
  ["a coding that is not chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"],
  ["chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["a bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
  ["a folded line", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"],
  ["line ends of LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"],
  ["another protocol", "SSH-2.0-OpenSSH_9.2\r\n"],
  ["HTTP/2", "HTTP/2 200\r\n\r\n"],
  ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"],
  ["a status below 100", "HTTP/1.1 099 OK\r\n\r\n"],
  ["a flood of interim heads", "HTTP/1.1 100 Continue\r\n\r\n".repeat(65)],
  ["129 header lines", `HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(129)}\r\n`],
  ["a head above 64 KiB", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(65_536)}`],
];
for (const [what, bytes] of lies) {
  test(`a response with ${what} is a reset, never a response`, () => {
    for (const split of [inOnePiece, byteByByte]) {
      const { peer, engine, host, told } = dial(split);
      const response = new Recorder();
      engine.open(request(), true, response);
      peer.hears();
      peer.sends(bytes);
      assert.equal(response.reset?.code, "protocol_error");
      assert.ok(!response.ended);
      assert.ok(host.closeReset);
      assert.deepEqual(told, ["unusable"]);
      assert.equal(engine.capacity, 0);
    }
  });
}

test("bytes behind a response make the connection unusable before anyone can reuse it", () => {
  const { peer, engine, host, told } = dial();
  const response = new Recorder();
  engine.open(request(), true, response);
  peer.hears();
  peer.sends(ok + ok);
  assert.deepEqual(response.events, ["head 200 [content-length=2]", 'end "ok"']);
  assert.deepEqual(told, ["unusable"]);
  assert.ok(host.isClosed);
});

test("bytes on an idle connection close it", () => {
  const { peer, host, told } = dial();
  peer.sends("HTTP/1.1 408 Request Timeout\r\n\r\n");
  assert.deepEqual(told, ["unusable"]);
  assert.ok(host.isClosed);
});

test("a response that comes before its request left is not its response", () => {
  const { peer, engine, host } = dial();
  host.holdsBack = true;
  const response = new Recorder();
  engine.open(request(), true, response);
  peer.sends(ok);
  assert.equal(response.reset?.unprocessed, true);
  host.flush();
  assert.equal(host.sent, "");
});

const truncated: readonly (readonly [string, string])[] = [
  ["within the head", "HTTP/1.1 200 O"],
  ["within a body by length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"],
  ["within a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"],
  ["before the last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"],
  ["before the last CRLF", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n"],
];
for (const [where, bytes] of truncated) {
  test(`an end ${where} is a reset, never the end of the body`, () => {
    const { peer, engine } = dial();
    const response = new Recorder();
    engine.open(request(), true, response);
    peer.hears();
    peer.sends(bytes).ends();
    assert.equal(response.reset?.code, "upstream_closed");
    assert.equal(response.reset?.unprocessed, false);
    assert.equal(response.reset?.unanswered, false);
    assert.ok(!response.ended);
  });
}

test("an end before the response says that nothing came, and unprocessed only if nothing left", () => {
  for (const holdsBack of [false, true]) {
    for (const end of ["FIN", "reset"]) {
      const { peer, engine, host } = dial();
      host.holdsBack = holdsBack;
      const response = new Recorder();
      engine.open(request(), true, response);
      host.turn();
      if (end === "FIN") peer.ends();
      else engine.closed(gone);
      assert.equal(response.reset?.unanswered, true, end);
      assert.equal(response.reset?.unprocessed, holdsBack, end);
      host.flush();
      if (holdsBack) assert.equal(host.sent, "");
    }
  }
});

const framings: readonly (readonly [string, string, string[], boolean, string])[] = [
  ["POST", "", ["content-length", "4"], false, "content-length: 4\r\n\r\nbody"],
  ["POST", "", [], false, "transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"],
  ["POST", "", [], true, "content-length: 0\r\n\r\n"],
  ["DELETE", "", [], true, "\r\n"],
  ["GET", "", ["te", "trailers"], true, "te: trailers\r\nconnection: te\r\n\r\n"],
  [
    "GET",
    "thing",
    ["te", "trailers"],
    false,
    "te: trailers\r\nconnection: te, upgrade\r\nupgrade: thing\r\n\r\n",
  ],
];
for (const [method, protocol, headers, end, expected] of framings) {
  test(`${method} ${protocol} with [${headers.join(": ")}] goes out as ${JSON.stringify(expected)}`, () => {
    const { peer, engine } = dial();
    const writer = engine.open(request({ method, protocol, headers }), end, new Recorder());
    if (!end && protocol === "") {
      writer.data(Buffer.from("body"), false);
      writer.data(Buffer.alloc(0), true);
    }
    assert.equal(peer.hears(), `${method} / HTTP/1.1\r\nhost: a.example\r\n${expected}`);
  });
}

const unwritable: readonly (readonly [string, Parameters<typeof request>[0]])[] = [
  ["a space in the method", { method: "GET /x" }],
  ["an empty method", { method: "" }],
  ["a space in the path", { path: "/ HTTP/1.1" }],
  ["CRLF in the path", { path: "/\r\nX: y" }],
  ["an empty path", { path: "" }],
  ["CRLF in the authority", { authority: "a\r\nX: y" }],
  ["CRLF in a value", { headers: ["x", "y\r\nz: a"] }],
  ["host among the headers", { headers: ["host", "b"] }],
  ["transfer-encoding", { headers: ["transfer-encoding", "chunked"] }],
  ["a length and no body", { headers: ["content-length", "4"] }],
  ["CRLF in the protocol", { protocol: "a\r\nb" }],
];
for (const [what, fields] of unwritable) {
  test(`a request with ${what} is reset and nothing of it is written`, async () => {
    const { peer, engine } = dial();
    const response = new Recorder();
    engine.open(request(fields), true, response);
    assert.deepEqual(response.events, [], "no callback from within open");
    await Promise.resolve();
    assert.deepEqual(response.events, ["reset protocol_error"]);
    assert.equal(peer.hears(), "");
    assert.equal(engine.capacity, 1);
  });
}

test("a request body that is not as long as announced closes the connection", () => {
  const { peer, host, engine } = dial();
  const response = new Recorder();
  const head = request({ method: "POST", headers: ["content-length", "4"] });
  engine.open(head, false, response).data(Buffer.from("12345"), false);
  assert.ok(!peer.hears().includes("12345"));
  assert.equal(response.reset?.code, "protocol_error");
  assert.ok(host.closeReset);
});

test("a request that is given up closes the connection without its last chunk", () => {
  const { peer, host, engine, told } = dial();
  const response = new Recorder();
  const writer = engine.open(request({ method: "POST" }), false, response);
  writer.data(Buffer.from("half"), false);
  writer.reset(gone);
  assert.ok(peer.hears().endsWith("4\r\nhalf\r\n"));
  assert.equal(host.closeReset, gone);
  assert.deepEqual(told, ["unusable"]);
  assert.deepEqual(response.events, []);
});

test("an early response leaves the connection busy until the request is complete", () => {
  const { peer, engine, told } = dial();
  const response = new Recorder();
  const writer = engine.open(request({ method: "POST" }), false, response);
  peer.hears();
  peer.sends(ok);
  assert.ok(response.ended);
  assert.equal(engine.capacity, 0);
  writer.data(Buffer.from("rest"), true);
  assert.deepEqual(told, ["idle"]);
  assert.equal(engine.capacity, 1);
});

test("an early response that closes tells the sender of the request that nobody reads it", () => {
  const { peer, engine, host } = dial();
  const response = new Recorder();
  engine.open(request({ method: "POST" }), false, response);
  peer.hears();
  peer.sends("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  assert.deepEqual(response.events.slice(1), ['end ""', "reset upstream_closed"]);
  assert.equal(response.reset?.http2Code, 0);
  assert.equal(host.closeReset, undefined);
});

test("draining lets the exchange finish and takes no other", () => {
  const { peer, engine, host, told } = dial();
  const response = new Recorder();
  engine.open(request(), true, response);
  peer.hears();
  engine.drain();
  assert.deepEqual(told, ["unusable"]);
  peer.sends(ok);
  assert.ok(response.ended);
  assert.ok(host.isClosed);
  assert.equal(engine.active, 0);
});

test("reading stops at a window of body that nobody took", () => {
  const { peer, engine, host } = dial();
  const writer = engine.open(request(), true, new Recorder());
  peer.hears();
  peer.sends("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n");
  peer.sends("x".repeat(65_537));
  assert.ok(host.paused);
  writer.grant(40_000);
  assert.ok(!host.paused);
});
