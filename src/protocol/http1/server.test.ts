import assert from "node:assert/strict";
import { test } from "node:test";
import { createHttp1Server, type Http1Server } from "./server.ts";
import { FakeHost, inOnePiece, Peer, type Splitter } from "./testing/fake-host.ts";
import { type Accepted, describe, RecordingAcceptor } from "./testing/recorder.ts";

interface Scene {
  readonly peer: Peer;
  readonly host: FakeHost;
  readonly app: RecordingAcceptor;
  readonly engine: Http1Server;
}

function serve(answer?: (accepted: Accepted) => void, split: Splitter = inOnePiece): Scene {
  const host = new FakeHost();
  const app = new RecordingAcceptor(answer);
  const engine = createHttp1Server(host, app);
  return { peer: new Peer(engine, host, split), host, app, engine };
}

const get = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

test("a request is answered and the connection serves the next", () => {
  const { peer, app, engine } = serve((accepted) => {
    accepted.response.head({ status: 200, headers: ["content-length", "2"] }, false);
    accepted.response.data(Buffer.from("ok"), true);
  });
  for (let round = 0; round < 3; round += 1) {
    peer.sends(get);
    assert.equal(peer.hears(), "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    assert.ok(engine.idle);
  }
  assert.equal(app.accepted.length, 3);
});

test("what was understood of a request is what the bytes say", () => {
  const { peer } = serve(describe);
  peer.sends(
    "POST /x?y=1 HTTP/1.1\r\nHost: A.example:80\r\nContent-Length: 5\r\nX-Thing:  v w \r\n\r\nhello",
  );
  assert.match(
    peer.hears(),
    /POST http: A.example:80 \/x\?y=1 {2}11 \[content-length=5; x-thing=v w\] "hello"$/,
  );
});
