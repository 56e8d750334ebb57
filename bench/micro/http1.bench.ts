/** What HTTP/1 costs per message: `node bench/micro/http1.bench.ts`. Nanoseconds, best of several rounds. */
import { createByteWriter } from "../../src/protocol/byte-writer.ts";
import type {
  EngineHost,
  MessageReader,
  MessageWriter,
  RequestHead,
  ResponseHead,
} from "../../src/protocol/exchange.ts";
import { createHttp1Client } from "../../src/protocol/http1/client.ts";
import { defaultHttp1Limits } from "../../src/protocol/http1/limits.ts";
import { RequestHeadReader } from "../../src/protocol/http1/request-head.ts";
import { RequestWriter } from "../../src/protocol/http1/request-writer.ts";
import { ResponseHeadReader } from "../../src/protocol/http1/response-head.ts";
import { ResponseWriter } from "../../src/protocol/http1/response-writer.ts";
import { createHttp1Server } from "../../src/protocol/http1/server.ts";

const rounds = 7;
const perRound = 200_000;

const requests = Array.from({ length: 64 }, (_, id) =>
  Buffer.from(
    `GET /catalog/items/${1000 + id}?page=2 HTTP/1.1\r\nHost: catalog.shop.svc.cluster.local:8080\r\n` +
      "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\nAccept: application/json\r\n" +
      "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\n" +
      `X-Request-Id: 7f1c0b5e-1c55-4a51-9d0a-0000000${1000 + id}\r\n` +
      `Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e${1000 + id}-00f067aa0ba902b7-01\r\n` +
      "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\nCache-Control: no-cache\r\n" +
      "Connection: keep-alive\r\n\r\n",
    "latin1",
  ),
);
const responses = Array.from({ length: 64 }, (_, id) =>
  Buffer.from(
    "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n" +
      `Date: Mon, 23 Nov 2026 10:00:${String(id % 60).padStart(2, "0")} GMT\r\nServer: nginx/1.22.1\r\n` +
      "Cache-Control: no-store\r\nVary: Accept-Encoding\r\nX-Content-Type-Options: nosniff\r\n" +
      `Content-Length: 100\r\nETag: W/"64-${1000 + id}"\r\n\r\n`,
    "latin1",
  ),
);
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

function pick(list: readonly Buffer[], index: number): Buffer {
  return list[index & 63] as Buffer;
}

const out = createByteWriter({ take: () => Buffer.allocUnsafeSlow(65_536), give() {} });
const reader = new RequestHeadReader(defaultHttp1Limits);
const same = requests[0] as Buffer;
measure("read a request head, the same again", () => {
  reader.read(same, 0, same.length);
});
measure("read a request head, 3 of 10 lines new", (index) => {
  const bytes = pick(requests, index);
  reader.read(bytes, 0, bytes.length);
});
measure("read a request head on a new connection", (index) => {
  const bytes = pick(requests, index);
  new RequestHeadReader(defaultHttp1Limits).read(bytes, 0, bytes.length);
});
const responseReader = new ResponseHeadReader(defaultHttp1Limits);
measure("read a response head, 2 of 8 lines new", (index) => {
  const bytes = pick(responses, index);
  responseReader.read(bytes, 0, bytes.length);
  responseReader.facts.headers.slice();
});

const heads = requests.map((bytes) => {
  reader.read(bytes, 0, bytes.length);
  return reader.head as RequestHead;
});
const requestWriter = new RequestWriter(out);
measure("write a request head, the same again", () => {
  out.length = 0;
  requestWriter.writeHead(heads[0] as RequestHead, true);
});
measure("write a request head, 3 values new", (index) => {
  out.length = 0;
  requestWriter.writeHead(heads[index & 63] as RequestHead, true);
});
const responseHeads = responses.map((bytes): ResponseHead => {
  responseReader.read(bytes, 0, bytes.length);
  return { status: 200, headers: responseReader.facts.headers.slice() };
});
const responseWriter = new ResponseWriter(out);
const context = { method: "GET", version: 11, keepAlive: true, isTunnel: false };
measure("write a response head and 100 bytes", (index) => {
  out.length = 0;
  responseWriter.writeFinal(responseHeads[index & 63] as ResponseHead, false, context);
  responseWriter.writeBody(body, true);
});

/** The whole of one hop without sockets: server engine, a forwarder that only passes on, client engine. */
function hop(): (index: number) => void {
  const downstream = host();
  const upstream = host();
  const client = createHttp1Client(upstream, { onIdle() {}, onUnusable() {} });
  const server = createHttp1Server(downstream, {
    onRequest(head, end, response) {
      let request: MessageWriter<RequestHead> | undefined;
      request = client.open(head, end, {
        onHead: (head, end) => response.head(head, end),
        onData(chunk, end) {
          response.data(chunk, end);
          request?.grant(chunk.length);
        },
        onTrailers: (headers) => response.trailers(headers),
        onReset: (reset) => response.reset(reset),
        onCredit() {},
      });
      return forward(request);
    },
  });
  const answers = responses.map((head) => Buffer.concat([head, body]));
  return (index) => {
    server.receive(pick(requests, index));
    upstream.out.length = 0;
    client.flushed();
    client.receive(pick(answers, index));
    downstream.out.length = 0;
    server.flushed();
  };
}

function forward(request: MessageWriter<RequestHead>): MessageReader<RequestHead> {
  return {
    onHead() {},
    onData: (chunk, end) => request.data(chunk, end),
    onTrailers: (headers) => request.trailers(headers),
    onReset: (reset) => request.reset(reset),
    onCredit() {},
  };
}

function host(): EngineHost {
  return {
    out: createByteWriter({ take: () => Buffer.allocUnsafeSlow(65_536), give() {} }),
    wantFlush() {},
    readAgain() {},
    pauseReading() {},
    resumeReading() {},
    finish() {},
    close() {},
  };
}

measure("a whole hop: request and response, read and written", hop());
