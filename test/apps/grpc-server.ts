/**
 * The gRPC server of the tests. Whatever the call, the request's metadata may ask for more:
 *
 *   want-status CODE   ends with this status; `want-message` is its text
 *   echo-initial V     comes back in the initial metadata; `echo-trailing-bin` in the trailing one
 *   want-sleep MILLIS  waits before the answer
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type StatusObject,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { echoService } from "./grpc-echo.ts";

const port = Number(process.env["PORT"] ?? 9090);

interface Call {
  readonly metadata: Metadata;
  sendMetadata(metadata: Metadata): void;
}

interface Ending {
  readonly trailing: Metadata;
  readonly fault: StatusObject | undefined;
}

async function obey(call: Call): Promise<Ending> {
  const text = (name: string) => call.metadata.get(name)[0]?.toString();
  const initial = new Metadata();
  initial.set("caller", text("remora-client-id") ?? "");
  const echoed = text("echo-initial");
  if (echoed !== undefined) initial.set("echo-initial", echoed);
  call.sendMetadata(initial);
  const trailing = new Metadata();
  const bytes = call.metadata.get("echo-trailing-bin")[0];
  if (bytes !== undefined) trailing.set("echo-trailing-bin", bytes);
  const sleep = Number(text("want-sleep") ?? 0);
  if (sleep > 0) await new Promise((resolve) => setTimeout(resolve, sleep));
  const wanted = text("want-status");
  if (wanted === undefined) return { trailing, fault: undefined };
  const details = text("want-message") ?? "";
  return {
    trailing,
    fault: {
      code: status[status[Number(wanted)] as keyof typeof status],
      details,
      metadata: trailing,
    },
  };
}

async function unary(
  call: ServerUnaryCall<Buffer, Buffer>,
  done: sendUnaryData<Buffer>,
): Promise<void> {
  const { trailing, fault } = await obey(call);
  if (fault !== undefined) done(fault);
  else done(null, call.request, trailing);
}

async function clientStream(
  call: ServerReadableStream<Buffer, Buffer>,
  done: sendUnaryData<Buffer>,
): Promise<void> {
  const { trailing, fault } = await obey(call);
  const hash = createHash("sha256");
  let count = 0;
  for await (const message of call.iterator({ destroyOnReturn: false })) {
    hash.update(message as Buffer);
    count += 1;
  }
  if (fault !== undefined) done(fault);
  else done(null, Buffer.from(`${count} ${hash.digest("hex")}`), trailing);
}

async function serverStream(call: ServerWritableStream<Buffer, Buffer>): Promise<void> {
  const { trailing, fault } = await obey(call);
  const [count = 0, size = 0, pause = 0] = call.request.toString().split(" ").map(Number);
  const cancelled = once(call, "cancelled");
  for (let sent = 0; sent < count && !call.cancelled; sent += 1) {
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
    if (call.write(Buffer.alloc(size, sent % 251))) continue;
    await Promise.race([once(call, "drain"), cancelled]);
  }
  if (fault !== undefined) call.emit("error", fault);
  else call.end(trailing);
}

async function bidi(call: ServerDuplexStream<Buffer, Buffer>): Promise<void> {
  const { trailing, fault } = await obey(call);
  for await (const message of call.iterator({ destroyOnReturn: false })) {
    call.write(message as Buffer);
  }
  if (fault !== undefined) call.emit("error", fault);
  else call.end(trailing);
}

const server = new Server({
  "grpc.max_receive_message_length": 64 * 1024 * 1024,
  "grpc.max_send_message_length": 64 * 1024 * 1024,
});
server.addService(echoService, {
  Unary: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
    void unary(call, done),
  ClientStream: (call: ServerReadableStream<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
    void clientStream(call, done).catch(() => undefined),
  ServerStream: (call: ServerWritableStream<Buffer, Buffer>) => void serverStream(call),
  Bidi: (call: ServerDuplexStream<Buffer, Buffer>) => void bidi(call).catch(() => undefined),
});
server.bindAsync(`0.0.0.0:${port}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
  console.log(`grpc-server listens on ${port}`);
});
process.on("SIGTERM", () => server.forceShutdown());
