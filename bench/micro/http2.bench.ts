/** What HTTP/2 costs per message: `node bench/micro/http2.bench.ts`. Nanoseconds, best of several rounds. */
import { type ByteWriter, createByteWriter } from "../../src/protocol/byte-writer.ts";
import type {
  EngineHost,
  MessageReader,
  MessageWriter,
  RequestHead,
  ResponseHead,
} from "../../src/protocol/exchange.ts";
import { createHttp2Client } from "../../src/protocol/http2/client.ts";
import { HeadBlock } from "../../src/protocol/http2/head-block.ts";
import { HpackDecoder } from "../../src/protocol/http2/hpack/decoder.ts";
import { HpackEncoder } from "../../src/protocol/http2/hpack/encoder.ts";
import { defaultLimits } from "../../src/protocol/http2/limits.ts";
import { createHttp2Server } from "../../src/protocol/http2/server.ts";

const rounds = 7;
const perRound = 100_000;

const head = (path: string): RequestHead => ({
  method: "POST",
  scheme: "https",
  authority: "cart.shop.svc.cluster.local:8080",
  path,
  protocol: "",
  headers: [
    "te",
    "trailers",
    "content-type",
    "application/grpc",
    "user-agent",
    "grpc-node-js/1.14.7",
    "accept-encoding",
    "identity",
    "grpc-accept-encoding",
    "identity,deflate,gzip",
    "remora-dst",
    "8080",
  ],
  version: 20,
});
const stable = Array.from({ length: 64 }, () => head("/shop.Cart/Add"));
const changing = Array.from({ length: 64 }, (_, id) => {
  const made = head(`/items/${1000 + id}?page=2`);
  made.headers.push(
    "traceparent",
    `00-4bf92f3577b34da6a3ce929d0e0e${1000 + id}-00f067aa0ba902b7-01`,
  );
  return made;
});
const answer: ResponseHead = {
  status: 200,
  headers: ["content-type", "application/json", "content-length", "100", "server", "nginx"],
};
const body = Buffer.alloc(100, "x");

function measure(what: string, work: (index: number) => void): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round += 1) {
    const begin = process.hrtime.bigint();
    for (let index = 0; index < perRound; index += 1) work(index);
    best = Math.min(best, Number(process.hrtime.bigint() - begin) / perRound);
  }
  process.stdout.write(`${what.padEnd(52)} ${best.toFixed(0).padStart(6)} ns\n`);
}

function writer(): ByteWriter {
  return createByteWriter({
    take: (bytes) => Buffer.allocUnsafeSlow(Math.max(bytes, 65_536)),
    give() {},
  });
}

function encode(encoder: HpackEncoder, out: ByteWriter, request: RequestHead): void {
  encoder.begin(out);
  encoder.field(out, ":method", request.method);
  encoder.field(out, ":scheme", request.scheme);
  encoder.field(out, ":path", request.path);
  encoder.field(out, ":authority", request.authority);
  for (let at = 0; at < request.headers.length; at += 2) {
    encoder.field(out, request.headers[at] as string, request.headers[at + 1] as string);
  }
}

for (const [what, heads] of [
  ["ten fields, all seen before", stable],
  ["eleven fields, new path and traceparent", changing],
] as const) {
  const encoder = new HpackEncoder();
  const out = writer();
  measure(`encode ${what}`, (index) => {
    out.length = 0;
    encode(encoder, out, heads[index & 63] as RequestHead);
  });
  const decoder = new HpackDecoder();
  const sink = new HeadBlock(defaultLimits);
  const fresh = new HpackEncoder();
  const blocks = heads.map((request) => {
    out.length = 0;
    encode(fresh, out, request);
    return Buffer.from(out.buffer.subarray(0, out.length));
  });
  for (const block of blocks) decoder.decode(block, 0, block.length, sink);
  // The first blocks made the entries; from the third on, a block can be decoded again and again.
  const repeatable = blocks.slice(-32);
  measure(`decode ${what}`, (index) => {
    const block = repeatable[index & 31] as Buffer;
    sink.begin();
    decoder.decode(block, 0, block.length, sink);
    sink.requestHead(true);
  });
}

class LoopHost implements EngineHost {
  readonly out: ByteWriter = writer();
  wantFlush(): void {}
  readAgain(): void {
    throw new Error("more requests than of one turn");
  }
  pauseReading(): void {}
  resumeReading(): void {}
  finish(): void {}
  close(): void {
    throw new Error("connection closed");
  }
}

const clientHost = new LoopHost();
const serverHost = new LoopHost();

class Answering implements MessageReader<RequestHead> {
  writer: MessageWriter<ResponseHead> | undefined = undefined;
  onHead(): void {}
  onData(chunk: Uint8Array, end: boolean): void {
    this.writer?.grant(chunk.length);
    if (end) this.answer();
  }
  onTrailers(): void {}
  onReset(): void {}
  onCredit(): void {}
  answer(): void {
    this.writer?.head(answer, false);
    this.writer?.data(body, true);
  }
}

class Asking implements MessageReader<ResponseHead> {
  writer: MessageWriter<RequestHead> | undefined = undefined;
  onHead(): void {}
  onData(chunk: Uint8Array): void {
    this.writer?.grant(chunk.length);
  }
  onTrailers(): void {}
  onReset(): void {}
  onCredit(): void {}
}

const server = createHttp2Server(serverHost, {
  onRequest(_head, end, response) {
    const reader = new Answering();
    reader.writer = response;
    if (end) reader.answer();
    return reader;
  },
});
const client = createHttp2Client(clientHost, { onCapacity() {}, onDraining() {} });

/** Carries what one engine wrote to the other, as a transport with nothing to do would. */
function carry(from: LoopHost, to: { receive(chunk: Buffer): void }): void {
  const { out } = from;
  const bytes = out.buffer.subarray(0, out.length);
  out.length = 0;
  to.receive(bytes);
}

function settle(): void {
  carry(clientHost, server);
  client.flushed();
  carry(serverHost, client);
  server.flushed();
}
settle();
settle();

for (const [what, heads] of [
  ["all seen before", stable],
  ["new path and traceparent", changing],
] as const) {
  measure(`GET and 100 B answer, client + server, ${what}`, (index) => {
    const asking = new Asking();
    asking.writer = client.open(heads[index & 63] as RequestHead, true, asking);
    settle();
  });
  measure(`POST 100 B and 100 B answer, ${what}`, (index) => {
    const asking = new Asking();
    asking.writer = client.open(heads[index & 63] as RequestHead, false, asking);
    asking.writer.data(body, true);
    settle();
  });
}

const large = Buffer.alloc(65_536);
const tunnel = new Asking();
const stream = client.open(stable[0] as RequestHead, false, tunnel);
tunnel.writer = stream;
settle();
measure("64 KB of DATA through client and server", () => {
  stream.data(large, false);
  settle();
});
