import assert from "node:assert/strict";
import { test } from "node:test";
import { byteByByte, inOnePiece } from "./testing/fake-host.ts";
import { Recorder } from "./testing/recorder.ts";
import { dial, request, serve } from "./testing/scenes.ts";

const upgrade =
  "GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const get = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
const connect = "CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n";

test("bytes behind an upgrade wait for 101, then flow both ways with half-close", () => {
  for (const split of [inOnePiece, byteByByte]) {
    const { peer, host, app, engine } = serve(undefined, split);
    peer.sends(`${upgrade}early`);
    const { end, head, request, response } = app.last;
    assert.equal(head.protocol, "websocket");
    assert.ok(!end);
    assert.equal(request.body, "");
    assert.ok(host.paused);
    response.head({ status: 101, headers: ["sec-websocket-accept", "x"] }, false);
    assert.equal(request.body, "early");
    assert.ok(!host.paused);
    assert.equal(
      peer.hears(),
      "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n" +
        "sec-websocket-accept: x\r\n\r\n",
    );
    response.data(Buffer.from("down"), false);
    peer.sends("up");
    assert.equal(peer.hears(), "down");
    response.data(Buffer.from("last"), true);
    assert.ok(host.finished);
    peer.sends("more").ends();
    assert.equal(request.body, "earlyupmore");
    assert.ok(request.ended);
    assert.ok(host.isClosed);
    assert.equal(host.closeReset, undefined);
    assert.equal(engine.active, 0);
  }
});

test("a client that ends first still hears the rest of a tunnel", () => {
  const { peer, host, app } = serve();
  peer.sends(upgrade);
  app.last.response.head({ status: 101, headers: [] }, false);
  peer.ends();
  assert.ok(app.last.request.ended);
  assert.ok(!host.finished);
  app.last.response.data(Buffer.from("bye"), true);
  assert.ok(peer.hears().endsWith("\r\n\r\nbye"));
  assert.ok(host.finished);
});

test("an end of the client that comes before 101 is told after it", () => {
  const { peer, app } = serve();
  peer.sends(`${upgrade}x`).ends();
  assert.ok(!app.last.request.ended);
  app.last.response.head({ status: 101, headers: [] }, false);
  assert.deepEqual(app.last.request.events, ['end "x"']);
});

test("bytes behind an upgrade that is refused are the next request", () => {
  const { peer, app } = serve();
  peer.sends(upgrade + get);
  const first = app.last;
  first.response.head({ status: 200, headers: [] }, true);
  assert.ok(first.request.ended);
  assert.equal(first.request.body, "");
  assert.equal(app.accepted.length, 2);
  assert.equal(app.last.head.path, "/");
});

test("2xx to CONNECT opens a tunnel and sends no framing", () => {
  const { peer, app } = serve();
  peer.sends(`${connect}hello`);
  app.last.response.head({ status: 200, headers: ["content-length", "5"] }, false);
  assert.equal(peer.hears(), "HTTP/1.1 200 OK\r\n\r\n");
  assert.equal(app.last.request.body, "hello");
});

test("a refused CONNECT is an ordinary response", () => {
  const { peer, app, engine } = serve();
  peer.sends(connect);
  app.last.response.head({ status: 403, headers: [] }, true);
  assert.equal(peer.hears(), "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
  assert.ok(engine.idle);
});

test("the client side asks for the switch, holds early bytes, and tunnels after 101", () => {
  for (const split of [inOnePiece, byteByByte]) {
    const { peer, host, engine, told } = dial(split);
    const response = new Recorder();
    const writer = engine.open(request({ protocol: "websocket" }), false, response);
    assert.equal(
      peer.hears(),
      "GET / HTTP/1.1\r\nhost: a.example\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    );
    writer.data(Buffer.from("early"), false);
    assert.equal(peer.hears(), "");
    peer.sends(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nX: y\r\n\r\ndown",
    );
    assert.equal(peer.hears(), "early");
    assert.deepEqual(response.events, ["head 101 [x=y]"]);
    assert.equal(response.body, "down");
    assert.deepEqual(told, ["unusable"]);
    writer.data(Buffer.from("up"), true);
    assert.equal(peer.hears(), "up");
    assert.ok(host.finished);
    peer.sends("more").ends();
    assert.equal(response.body, "downmore");
    assert.ok(response.ended);
    assert.ok(host.isClosed);
    assert.deepEqual(told, ["unusable"]);
  }
});

test("a refused switch is an ordinary exchange, and its early bytes are dropped", () => {
  const { peer, engine, told } = dial();
  const response = new Recorder();
  const writer = engine.open(request({ protocol: "websocket" }), false, response);
  writer.data(Buffer.from("early"), false);
  peer.hears();
  peer.sends("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
  writer.data(Buffer.from("late"), true);
  assert.equal(peer.hears(), "");
  assert.deepEqual(response.events, ["head 200 [content-length=2]", 'end "no"']);
  assert.deepEqual(told, ["idle"]);
});

test("early bytes are bounded", () => {
  const { host, engine } = dial();
  const response = new Recorder();
  const writer = engine.open(request({ protocol: "websocket" }), false, response);
  writer.data(Buffer.alloc(65_536), false);
  assert.deepEqual(response.events, []);
  writer.data(Buffer.alloc(1), false);
  assert.deepEqual(response.events, ["reset protocol_error"]);
  assert.ok(host.closeReset);
});

test("CONNECT goes out in authority form and tunnels after 2xx", () => {
  const { peer, engine } = dial();
  const response = new Recorder();
  const head = request({ method: "CONNECT", scheme: "", authority: "b.example:443", path: "" });
  const writer = engine.open(head, false, response);
  assert.equal(peer.hears(), "CONNECT b.example:443 HTTP/1.1\r\nhost: b.example:443\r\n\r\n");
  peer.sends("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhello");
  assert.equal(response.body, "hello");
  writer.data(Buffer.from("x"), false);
  assert.equal(peer.hears(), "x");
});

for (const [what, fields, answer] of [
  ["nothing was asked for", {}, "Upgrade: websocket"],
  ["another protocol was asked for", { protocol: "thing" }, "Upgrade: websocket"],
  ["the answer names none", { protocol: "websocket" }, "X: y"],
] as const) {
  test(`101 is refused when ${what}`, () => {
    const { peer, host, engine } = dial();
    const response = new Recorder();
    engine.open(request(fields), !("protocol" in fields), response);
    peer.hears();
    peer.sends(`HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n${answer}\r\n\r\n`);
    assert.deepEqual(response.events, ["reset protocol_error"]);
    assert.ok(host.closeReset);
  });
}
