/** Asks a grpc-server every question of the interop list; prints one JSON object: question → "ok" or what was wrong. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  type CallOptions,
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { endProcess } from "../../src/core/end-process.ts";
import { type BytesMethod, echoService } from "./grpc-echo.ts";

const [target = "", rounds = "1"] = process.argv.slice(2);
const client = new Client(target, credentials.createInsecure(), {
  "grpc.max_receive_message_length": 64 * 1024 * 1024,
});

function metadataOf(entries: Readonly<Record<string, string | Buffer>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(entries)) metadata.set(name, value);
  return metadata;
}

interface Reply {
  readonly message: Buffer;
  readonly initial: Metadata;
  readonly trailing: Metadata;
}

function unary(
  message: Buffer,
  metadata: Metadata = new Metadata(),
  options: CallOptions = {},
  method: BytesMethod = echoService.Unary,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    let initial = new Metadata();
    let reply: Buffer | undefined;
    const { path, requestSerialize, responseDeserialize } = method;
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      message,
      metadata,
      { deadline: Date.now() + 20_000, ...options },
      (error, value) => {
        if (error !== null) reject(error);
        reply = value;
      },
    );
    call.on("metadata", (metadata) => {
      initial = metadata;
    });
    // The status comes after the callback; an error has already settled the promise then.
    call.on("status", ({ metadata }) => {
      if (reply !== undefined) resolve({ message: reply, initial, trailing: metadata });
    });
  });
}

function serverStream(request: string, options: CallOptions = {}): ClientReadableStream<Buffer> {
  const { path, requestSerialize, responseDeserialize } = echoService.ServerStream;
  return client.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    Buffer.from(request),
    options,
  );
}

function bidi() {
  const { path, requestSerialize, responseDeserialize } = echoService.Bidi;
  return client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
}

async function failsWith(work: Promise<unknown>, code: status): Promise<ServiceError> {
  const error = await work.then(
    () => assert.fail(`ended well, not with ${status[code]}`),
    (error: ServiceError) => error,
  );
  assert.equal(status[error.code ?? 0], status[code], error.details);
  return error;
}

async function drain(call: AsyncIterable<unknown>): Promise<Buffer[]> {
  const messages: Buffer[] = [];
  for await (const message of call) messages.push(message as Buffer);
  return messages;
}

const questions: Readonly<Record<string, () => Promise<void>>> = {
  async "empty unary"() {
    assert.equal((await unary(Buffer.alloc(0))).message.length, 0);
  },
  async "large unary"() {
    const message = Buffer.alloc(3_000_001, "remora ");
    assert.ok((await unary(message)).message.equals(message));
  },
  async "client streaming"() {
    const messages = [27_182, 8, 1_828, 45_904].map((size) => Buffer.alloc(size, size % 251));
    const reply = await new Promise<Buffer | undefined>((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = echoService.ClientStream;
      const call = client.makeClientStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        (error, value) => (error === null ? resolve(value) : reject(error)),
      );
      for (const message of messages) call.write(message);
      call.end();
    });
    const digest = createHash("sha256").update(Buffer.concat(messages)).digest("hex");
    assert.equal(reply?.toString(), `4 ${digest}`);
  },
  async "server streaming"() {
    const messages = await drain(serverStream("200 5000 0"));
    assert.equal(messages.length, 200);
    messages.forEach((message, index) => {
      assert.ok(message.equals(Buffer.alloc(5_000, index % 251)), `message ${index}`);
    });
  },
  async "ping pong"() {
    const call = bidi();
    for (const size of [31_415, 9, 2_653, 58_979]) {
      const message = Buffer.alloc(size, size % 251);
      call.write(message);
      const [reply] = (await once(call, "data")) as [Buffer];
      assert.ok(reply.equals(message));
    }
    call.end();
    call.resume();
    const [end] = (await once(call, "status")) as [{ code: status }];
    assert.equal(end.code, status.OK);
  },
  async "empty stream"() {
    const call = bidi();
    call.end();
    assert.equal((await drain(call)).length, 0);
  },
  async "status and message"() {
    const message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
    const metadata = metadataOf({ "want-status": "2", "want-message": encodeURI(message) });
    const error = await failsWith(unary(Buffer.alloc(1), metadata), status.UNKNOWN);
    assert.equal(decodeURI(error.details), message);
  },
  async "custom metadata"() {
    const bytes = Buffer.from([0, 0xab, 0xff, 10, 13, 44]);
    const metadata = metadataOf({ "echo-initial": "initial value", "echo-trailing-bin": bytes });
    const { initial, trailing } = await unary(Buffer.from("x"), metadata);
    assert.deepEqual(initial.get("echo-initial"), ["initial value"]);
    assert.deepEqual(trailing.get("echo-trailing-bin"), [bytes]);
  },
  async "timeout on sleeping server"() {
    const options = { deadline: Date.now() + 100 };
    const asked = unary(Buffer.alloc(1), metadataOf({ "want-sleep": "3000" }), options);
    await failsWith(asked, status.DEADLINE_EXCEEDED);
  },
  async "cancel after begin"() {
    const call = bidi();
    call.on("data", () => assert.fail("data after cancel"));
    const ended = once(call, "error");
    call.cancel();
    assert.equal(((await ended) as [ServiceError])[0].code, status.CANCELLED);
  },
  async "cancel after first response"() {
    const call = serverStream("1000 100 20");
    await once(call, "data");
    const ended = once(call, "error");
    call.cancel();
    assert.equal(((await ended) as [ServiceError])[0].code, status.CANCELLED);
  },
  async "unimplemented method"() {
    const method = { ...echoService.Unary, path: "/test.Echo/Nothing" };
    const asked = unary(Buffer.alloc(1), new Metadata(), {}, method);
    await failsWith(asked, status.UNIMPLEMENTED);
  },
};

const answers: Record<string, string> = {};
for (const [name, ask] of Object.entries(questions)) {
  answers[name] = "ok";
  for (let round = 0; round < Number(rounds) && answers[name] === "ok"; round += 1) {
    await ask().catch((error: Error) => {
      answers[name] = `round ${round}: ${error.message}`;
    });
  }
}
console.log(JSON.stringify(answers));
await endProcess(process, 0);
