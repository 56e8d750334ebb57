/** Both engines against node:http2 over loopback. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import { test } from "node:test";
import type { RequestAcceptor, RequestHead, ResponseHead } from "../../src/protocol/exchange.ts";
import { createHttp2Client, type Http2Client } from "../../src/protocol/http2/client.ts";
import { createHttp2Server } from "../../src/protocol/http2/server.ts";
import { Recorder } from "../../src/protocol/http2/testing/conversation.ts";
import { attachEngine } from "./socket-host.ts";

const sha = (bytes: Uint8Array | string): string =>
  createHash("sha256").update(bytes).digest("hex");

/** Sends back what comes, no faster than the other side reads it: credit is granted as bytes leave. */
const echo: RequestAcceptor = {
  onRequest(head, end, response) {
    response.head({ status: 200, headers: ["x-path", head.path, ...head.headers] }, end);
    return {
      onHead() {},
      onData: (chunk, last) => response.data(chunk, last),
      onTrailers: (trailers) => response.trailers(trailers),
      onReset() {},
      onCredit: (bytes) => response.grant(bytes),
    };
  },
};

test("node:http2's client gets its own bodies, headers and trailers back", async () => {
  await using server = await listenEcho();
  const session = http2.connect(`http://127.0.0.1:${server.port}`);
  const bodies = [0, 1, 16_384, 100_000, 5_000_000].map((size) => randomBytes(size));
  await Promise.all(
    bodies.map(async (body, index) => {
      const request = session.request(
        { ":method": "POST", ":path": `/${index}`, "x-index": `${index}` },
        { waitForTrailers: true },
      );
      request.on("wantTrailers", () => request.sendTrailers({ "x-sum": sha(body) }));
      request.end(body);
      let trailers: http2.IncomingHttpHeaders = {};
      request.on("trailers", (headers) => (trailers = headers));
      const [headers] = (await once(request, "response")) as [http2.IncomingHttpHeaders];
      const answer = Buffer.concat(await request.toArray());
      assert.equal(headers["x-index"], `${index}`);
      assert.equal(sha(answer), sha(body), `${body.length} bytes`);
      assert.equal(trailers["x-sum"], sha(body));
    }),
  );
  session.close();
  await once(session, "close");
});

test("a thousand requests of node:http2 over one session are all answered", async () => {
  await using server = await listenEcho();
  const session = http2.connect(`http://127.0.0.1:${server.port}`);
  for (let round = 0; round < 10; round += 1) {
    const requests = Array.from({ length: 100 }, async (_, index) => {
      const request = session.request({ ":path": `/${round}/${index}` });
      const end = once(request.resume(), "end");
      const [headers] = (await once(request, "response")) as [http2.IncomingHttpHeaders];
      assert.equal(headers["x-path"], `/${round}/${index}`);
      await end;
    });
    await Promise.all(requests);
  }
  session.close();
  await once(session, "close");
});

test("a drained server lets node:http2 finish, then closes", async () => {
  await using server = await listenEcho();
  const session = http2.connect(`http://127.0.0.1:${server.port}`);
  const request = session.request({ ":method": "POST", ":path": "/" });
  const answer = request.toArray();
  request.write("first ");
  await once(request, "response");
  const goaway = once(session, "goaway");
  for (const engine of server.engines) engine.drain();
  await goaway;
  request.end("second");
  assert.equal(Buffer.concat(await answer).toString(), "first second");
  await once(session, "close");
});

test("our client gets its bodies back from node:http2, and grants keep them flowing", async () => {
  const server = http2.createServer((request, response) => {
    response.writeHead(200, { "x-path": request.url });
    request.pipe(response);
  });
  await using client = await connectTo(server);
  const bodies = [1, 16_384, 100_000, 5_000_000].map((size) => randomBytes(size));
  await Promise.all(
    bodies.map(async (body, index) => {
      const { head, bytes } = await exchange(client.engine, `/${index}`, body);
      assert.deepEqual(head.headers.slice(0, 2), ["x-path", `/${index}`]);
      assert.equal(sha(bytes), sha(body), `${body.length} bytes`);
    }),
  );
});

test("our client and our server carry fifty bodies at once over one connection", async () => {
  await using server = await listenEcho();
  const socket = net.connect(server.port, "127.0.0.1");
  const { engine } = attachEngine(socket, (host) =>
    createHttp2Client(host, { onCapacity() {}, onDraining() {} }),
  );
  const body = Buffer.alloc(1_000_000, "0123456789");
  const answers = await Promise.all(Array.from({ length: 50 }, () => exchange(engine, "/", body)));
  for (const { bytes } of answers) assert.equal(sha(bytes), sha(body));
  engine.drain();
  await once(socket, "close");
});

test("a request that node:http2 resets reaches our owner as a reset", async () => {
  const server = http2.createServer();
  server.on("stream", (stream) => {
    stream.on("error", () => {});
    stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
  });
  await using client = await connectTo(server);
  const recorder = new Recorder<ResponseHead>();
  await new Promise<void>((resolve) => {
    recorder.onReset = (reset) => {
      recorder.reset = reset;
      resolve();
    };
    client.engine.open(requestHead("/"), true, recorder);
  });
  assert.equal(recorder.reset?.http2Code, http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
  assert.equal(recorder.reset?.code, "upstream_reset");
});

function requestHead(path: string): RequestHead {
  const parts = { method: "POST", scheme: "http", authority: "echo", path, protocol: "" };
  return { ...parts, headers: ["x-a", "1"], version: 20 };
}

/** Sends the body in pieces as credit allows, and collects the answer. */
function exchange(
  engine: Http2Client,
  path: string,
  body: Buffer,
): Promise<{ head: ResponseHead; bytes: Buffer }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let head: ResponseHead = { status: 0, headers: [] };
    let sent = 0;
    const send = (bytes: number): void => {
      const chunk = body.subarray(sent, sent + bytes);
      sent += chunk.length;
      if (chunk.length > 0) writer.data(chunk, sent === body.length);
    };
    const writer = engine.open(requestHead(path), false, {
      onHead: (received) => (head = received),
      onData(chunk, end) {
        chunks.push(Buffer.from(chunk));
        writer.grant(chunk.length);
        if (end) resolve({ head, bytes: Buffer.concat(chunks) });
      },
      onTrailers: () => resolve({ head, bytes: Buffer.concat(chunks) }),
      onReset: (reset) => reject(new Error(reset.detail)),
      onCredit: send,
    });
    send(200_000);
  });
}

async function listenEcho() {
  const sockets = new Set<net.Socket>();
  const engines = new Set<ReturnType<typeof createHttp2Server>>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    engines.add(attachEngine(socket, (host) => createHttp2Server(host, echo)).engine);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as net.AddressInfo).port,
    engines,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

async function connectTo(server: http2.Http2Server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1");
  await once(socket, "connect");
  const { engine } = attachEngine(socket, (host) =>
    createHttp2Client(host, { onCapacity() {}, onDraining() {} }),
  );
  return {
    engine,
    async [Symbol.asyncDispose]() {
      socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
