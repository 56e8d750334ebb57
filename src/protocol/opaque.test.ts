import assert from "node:assert/strict";
import { test } from "node:test";
import { createByteWriter } from "./byte-writer.ts";
import type { EngineHost, MessageReader, MessageWriter, Reset, ResponseHead } from "./exchange.ts";
import { createOpaqueClient, createOpaqueServer } from "./opaque.ts";

class Host implements EngineHost {
  readonly out = createByteWriter();
  readonly calls: string[] = [];
  wantFlush(): void {}
  readAgain(): void {}
  pauseReading(): void {
    this.calls.push("pause");
  }
  resumeReading(): void {
    this.calls.push("resume");
  }
  finish(): void {
    this.calls.push("finish");
  }
  close(reset: Reset | undefined): void {
    this.calls.push(`close ${reset?.code ?? ""}`);
  }
}

function reader(lines: string[]): MessageReader<never> {
  return {
    onHead: (head: ResponseHead) => void lines.push(`head ${head.status}`),
    onData: (chunk, end) => void lines.push(`data ${chunk.length}${end ? " end" : ""}`),
    onTrailers() {},
    onReset: (reset) => void lines.push(`reset ${reset.code}`),
    onCredit: (bytes) => void lines.push(`credit ${bytes}`),
  };
}

function serve(): {
  host: Host;
  lines: string[];
  engine: ReturnType<typeof createOpaqueServer>;
  writer: MessageWriter<ResponseHead>;
} {
  const host = new Host();
  const lines: string[] = [];
  let writer: MessageWriter<ResponseHead> | undefined;
  const acceptor = {
    onRequest(
      head: { method: string; authority: string },
      _end: boolean,
      response: MessageWriter<ResponseHead>,
    ) {
      lines.push(`${head.method} ${head.authority}`);
      writer = response;
      return reader(lines);
    },
  };
  const engine = createOpaqueServer(host, acceptor, "10.0.0.1:6379");
  return { host, lines, engine, writer: writer as unknown as MessageWriter<ResponseHead> };
}

const cut: Reset = { code: "upstream_reset", http2Code: 2, detail: "cut", unprocessed: false };

test("a connection is one CONNECT exchange whose data are its bytes", () => {
  const { engine, lines, host, writer } = serve();
  engine.receive(Buffer.from("ping"));
  writer.data(Buffer.from("pong"), false);
  engine.flushed();
  assert.deepEqual(lines, ["CONNECT 10.0.0.1:6379", "data 4", "credit 4"]);
  assert.equal(host.out.take().toString(), "pong");
});

test("each direction ends by itself", () => {
  const { engine, lines, host, writer } = serve();
  engine.receiveEnd();
  assert.deepEqual(lines.slice(1), ["data 0 end"]);
  assert.equal(engine.active, 1);
  writer.data(Buffer.from("late answer"), true);
  assert.deepEqual(host.calls, ["finish"]);
  assert.equal(engine.active, 0);
});

test("reading stops when the window is full and goes on when half of it is free", () => {
  const { engine, host, writer } = serve();
  engine.receive(Buffer.alloc(256 * 1024));
  assert.deepEqual(host.calls, ["pause"]);
  writer.grant(100 * 1024);
  assert.deepEqual(host.calls, ["pause"]);
  writer.grant(28 * 1024);
  assert.deepEqual(host.calls, ["pause", "resume"]);
});

test("a refusal and a cut are resets, never an orderly end", () => {
  const refused = serve();
  refused.writer.head({ status: 503, headers: [] }, true);
  assert.deepEqual(refused.host.calls, ["close connect_refused"]);
  const broken = serve();
  broken.writer.reset(cut);
  assert.deepEqual(broken.host.calls, ["close upstream_reset"]);
});

test("a lost transport resets the exchange once", () => {
  const { engine, lines } = serve();
  engine.closed(cut);
  engine.closed(cut);
  assert.deepEqual(lines.slice(1), ["reset upstream_reset"]);
});

test("a client takes one exchange and answers it at once", () => {
  const host = new Host();
  const client = createOpaqueClient(host);
  const lines: string[] = [];
  assert.equal(client.capacity, 1);
  const head = {
    method: "CONNECT",
    scheme: "",
    authority: "",
    path: "",
    protocol: "",
    headers: [],
    version: 20,
  };
  const writer = client.open(head, false, reader(lines));
  assert.equal(client.capacity, 0);
  writer.data(Buffer.from("hello"), true);
  client.receive(Buffer.from("hi"));
  client.receiveEnd();
  assert.deepEqual(lines, ["head 200", "data 2", "data 0 end"]);
  assert.equal(host.out.take().toString(), "hello");
  assert.deepEqual(host.calls, ["finish"]);
});
