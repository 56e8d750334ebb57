/** The sidecar's gRPC client against grpc-js over loopback. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { systemClock } from "../../src/core/clock.ts";
import type { GrpcClient, GrpcError } from "../../src/protocol/grpc/client.ts";
import { createGrpcClient, type GrpcDial } from "../../src/protocol/grpc/create-client.ts";
import { attachEngine } from "./socket-host.ts";

const pass = (bytes: Buffer): Buffer => bytes;
const method = (path: string, requestStream: boolean, responseStream: boolean) => ({
  path,
  requestStream,
  responseStream,
  requestSerialize: pass,
  requestDeserialize: pass,
  responseSerialize: pass,
  responseDeserialize: pass,
});
const service = {
  unary: method("/test.Echo/Unary", false, false),
  chat: method("/test.Echo/Chat", true, true),
} satisfies grpc.ServiceDefinition;

let server: grpc.Server;
let port = 0;
let dials = 0;
let client: GrpcClient;

before(async () => {
  server = new grpc.Server({ "grpc.max_receive_message_length": 64 * 1024 * 1024 });
  server.addService(service, {
    unary(call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) {
      const text = call.request.toString("latin1", 0, 64);
      if (text === "hang") return;
      if (text === "fail") {
        callback({ code: grpc.status.NOT_FOUND, details: "keine Bohnen: ☕ 100%" });
      } else if (text === "metadata") {
        callback(null, Buffer.from(String(call.metadata.get("x-token")[0])));
      } else if (text === "deadline") {
        callback(null, Buffer.from(String(Number(call.getDeadline()) - Date.now())));
      } else {
        callback(null, call.request);
      }
    },
    chat(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
      call.on("data", (message: Buffer) => {
        if (message.toString() === "break") call.destroy(new Error("broken"));
        else call.write(message);
      });
      call.on("end", () => call.end());
    },
  });
  port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  client = createGrpcClient({
    dial: dialTo(() => port),
    authority: "echo.test",
    scheme: "http",
    clock: systemClock,
    maxMessageBytes: 16 * 1024 * 1024,
    maxUnsentBytes: 16 * 1024 * 1024,
  });
});

after(() => {
  client.close();
  server.forceShutdown();
});

function dialTo(target: () => number): GrpcDial {
  return (createEngine) =>
    new Promise((resolve, reject) => {
      dials += 1;
      const socket = connect(target(), "127.0.0.1");
      socket.once("error", reject);
      socket.once("connect", () => {
        attachEngine(socket, createEngine);
        resolve({ close: () => void socket.destroy() });
      });
    });
}

test("a unary call gets its answer, whatever the size", async () => {
  for (const size of [0, 1, 100, 70_000, 3_000_000]) {
    const request = Buffer.alloc(size, "x");
    const answer = await client.unary({ path: "/test.Echo/Unary" }, request);
    assert.ok(request.equals(answer), `${size} bytes`);
  }
});

test("a status and its message arrive as they were given", async () => {
  await assert.rejects(client.unary({ path: "/test.Echo/Unary" }, Buffer.from("fail")), {
    name: "GrpcError",
    status: grpc.status.NOT_FOUND,
    message: "keine Bohnen: ☕ 100%",
  });
  await assert.rejects(client.unary({ path: "/test.Echo/Nothing" }, Buffer.alloc(0)), {
    status: grpc.status.UNIMPLEMENTED,
  });
});

test("metadata and the deadline reach the server", async () => {
  const metadata = { "x-token": "abc" };
  const path = "/test.Echo/Unary";
  const token = await client.unary({ path, metadata }, Buffer.from("metadata"));
  assert.equal(Buffer.from(token).toString(), "abc");
  const left = await client.unary({ path, timeoutMillis: 60_000 }, Buffer.from("deadline"));
  const millis = Number(Buffer.from(left).toString());
  assert.ok(millis > 30_000 && millis <= 60_001, `${millis} ms`);
});

test("a call whose deadline passes fails with DEADLINE_EXCEEDED", async () => {
  const options = { path: "/test.Echo/Unary", timeoutMillis: 30 };
  await assert.rejects(client.unary(options, Buffer.from("hang")), {
    status: grpc.status.DEADLINE_EXCEEDED,
  });
});

test("messages of a stream arrive in order, and its end after ours", async () => {
  const received: number[] = [];
  await new Promise<void>((resolve, reject) => {
    const stream = client.stream(
      { path: "/test.Echo/Chat" },
      {
        onMessage(message) {
          received.push(Buffer.from(message).readUInt32BE(0));
          if (received.length === 1_000) stream.finish();
        },
        onEnd: (error) => (error === undefined ? resolve() : reject(error)),
      },
    );
    for (let index = 0; index < 1_000; index += 1) {
      const message = Buffer.alloc(4 + (index % 50) * 40);
      message.writeUInt32BE(index);
      assert.equal(stream.send(message), true);
    }
  });
  assert.deepEqual(
    received,
    Array.from({ length: 1_000 }, (_, index) => index),
  );
});

test("a cancelled stream ends with CANCELLED, and takes nothing more", async () => {
  const error = await endOf((events) => {
    const stream = client.stream({ path: "/test.Echo/Chat" }, events);
    stream.send(Buffer.from("one"));
    stream.cancel();
    assert.equal(stream.send(Buffer.from("two")), false);
  });
  assert.equal(error?.status, grpc.status.CANCELLED);
});

test("calls share one connection", async () => {
  const before = dials;
  const path = "/test.Echo/Unary";
  await Promise.all(Array.from({ length: 50 }, () => client.unary({ path }, Buffer.from("x"))));
  assert.equal(dials, before);
});

test("a lost connection fails its calls with UNAVAILABLE, and the next call dials again", async () => {
  const sockets: { close(): void }[] = [];
  const own = createGrpcClient({
    async dial(createEngine) {
      const connection = await dialTo(() => port)(createEngine);
      sockets.push(connection);
      return connection;
    },
    authority: "echo.test",
    scheme: "http",
    clock: systemClock,
  });
  try {
    const error = await endOf((events) => {
      const stream = own.stream(
        { path: "/test.Echo/Chat" },
        { ...events, onMessage: () => sockets[0]?.close() },
      );
      stream.send(Buffer.from("hello"));
    });
    assert.equal(error?.status, grpc.status.UNAVAILABLE);
    const answer = await own.unary({ path: "/test.Echo/Unary" }, Buffer.from("again"));
    assert.equal(Buffer.from(answer).toString(), "again");
    assert.equal(sockets.length, 2);
  } finally {
    own.close();
  }
});

test("a dial that fails fails the waiting calls with UNAVAILABLE and the reason", async () => {
  const own = createGrpcClient({
    dial: () => Promise.reject(new Error("connection refused")),
    authority: "echo.test",
    clock: systemClock,
  });
  await assert.rejects(own.unary({ path: "/a/b" }, Buffer.alloc(0)), {
    status: grpc.status.UNAVAILABLE,
    message: "no connection: connection refused",
  });
  own.close();
});

test("an answer larger than the limit ends the call with RESOURCE_EXHAUSTED", async () => {
  const own = createGrpcClient({
    dial: dialTo(() => port),
    authority: "echo.test",
    scheme: "http",
    clock: systemClock,
    maxMessageBytes: 1_000,
  });
  try {
    await assert.rejects(own.unary({ path: "/test.Echo/Unary" }, Buffer.alloc(2_000)), {
      status: grpc.status.RESOURCE_EXHAUSTED,
    });
  } finally {
    own.close();
  }
});

function endOf(
  begin: (events: { onMessage(): void; onEnd(error: GrpcError | undefined): void }) => void,
): Promise<GrpcError | undefined> {
  return new Promise((resolve) => begin({ onMessage() {}, onEnd: resolve }));
}
