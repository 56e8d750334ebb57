import assert from "node:assert/strict";
import { test } from "node:test";
import type { RequestHead } from "../exchange.ts";
import { createHttp1Client, type Http1Client } from "./client.ts";
import { FakeHost, inOnePiece, Peer, type Splitter } from "./testing/fake-host.ts";
import { Recorder } from "./testing/recorder.ts";

interface Scene {
  readonly peer: Peer;
  readonly host: FakeHost;
  readonly engine: Http1Client;
  /** What the owner was told: `idle` and `unusable`. */
  readonly told: string[];
}

function connect(split: Splitter = inOnePiece): Scene {
  const host = new FakeHost();
  const told: string[] = [];
  const owner = { onIdle: () => told.push("idle"), onUnusable: () => told.push("unusable") };
  const engine = createHttp1Client(host, owner);
  return { peer: new Peer(engine, host, split), host, engine, told };
}

function request(fields: Partial<RequestHead> = {}): RequestHead {
  const usual = { method: "GET", scheme: "http", authority: "a.example", path: "/" };
  return { ...usual, protocol: "", headers: [], version: 11, ...fields };
}

test("a connection carries one exchange after the other", () => {
  const { peer, engine, told } = connect();
  for (let round = 1; round <= 3; round += 1) {
    assert.equal(engine.capacity, 1);
    const response = new Recorder();
    engine.open(request({ headers: ["accept", "*/*"] }), true, response);
    assert.equal(engine.capacity, 0);
    assert.equal(peer.hears(), "GET / HTTP/1.1\r\nhost: a.example\r\naccept: */*\r\n\r\n");
    peer.sends("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert.deepEqual(response.events, ["head 200 [content-length=2]", 'end "ok"']);
    assert.deepEqual(told, Array<string>(round).fill("idle"));
  }
});
