/** `cart`: gRPC with all four kinds of call. Every item is written to `ledger` over plain TCP. */
import { connect } from "node:net";
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { cartService, type Item, type Receipt, type WatchRequest } from "./cart-service.ts";

const port = Number(process.env["PORT"] ?? 9090);
const ledger = {
  host: process.env["LEDGER_HOST"] ?? "ledger",
  port: Number(process.env["LEDGER_PORT"] ?? 7070),
};

/** Each item is one connection: greeting, entry, our FIN, the answer, the server's FIN. */
async function writeEntry(item: Item): Promise<string> {
  const socket = connect({ ...ledger, allowHalfOpen: true });
  let text = "";
  try {
    // The server greets before we have said a word.
    for await (const chunk of socket.setEncoding("utf8")) {
      text += String(chunk);
      if (!socket.writableEnded) socket.end(`ENTRY ${item.user} ${item.price}\n`);
    }
  } finally {
    socket.destroy();
  }
  const [greeting, answer] = text.split("\n");
  if (greeting !== "220 ledger ready" || answer?.startsWith("OK ") !== true) {
    throw new Error(`the ledger said ${JSON.stringify(text)}`);
  }
  return answer;
}

const add: handleUnaryCall<Item, Receipt> = (call, done) => {
  void reply(done, () => openReceipt(call.metadata).add(call.request));
};

const addAll: handleClientStreamingCall<Item, Receipt> = (call, done) => {
  const receipts = openReceipt(call.metadata);
  void reply(done, async () => {
    for await (const item of call) await receipts.add(item as Item);
    return receipts.current();
  });
};

async function reply(done: sendUnaryData<Receipt>, work: () => Promise<Receipt>): Promise<void> {
  let receipt: Receipt;
  try {
    receipt = await work();
  } catch (error) {
    done({ code: status.UNAVAILABLE, details: (error as Error).message });
    return;
  }
  done(null, receipt);
}

const watch: handleServerStreamingCall<WatchRequest, Receipt> = (call) => {
  const { user, count, pauseMillis } = call.request;
  const receipts = openReceipt(call.metadata);
  let sent = 0;
  const timer = setInterval(() => {
    if (sent === count) {
      clearInterval(timer);
      call.end();
      return;
    }
    sent += 1;
    call.write(receipts.count({ user, name: `news ${sent}`, price: sent }, ""));
  }, pauseMillis);
  call.on("cancelled", () => clearInterval(timer));
};

const converse: handleBidiStreamingCall<Item, Receipt> = (call) => {
  void answerEach(call);
};

async function answerEach(call: ServerDuplexStream<Item, Receipt>): Promise<void> {
  const receipts = openReceipt(call.metadata);
  try {
    // The stream must outlive its reading half: the last receipt is still to be written.
    for await (const item of call.iterator({ destroyOnReturn: false })) {
      call.write(await receipts.add(item as Item));
    }
    call.end();
  } catch (error) {
    // This, and not `destroy`, is how grpc-js is told of a status that is to be sent.
    call.emit("error", { code: status.UNAVAILABLE, details: (error as Error).message });
  }
}

/** Counts what one call brings. */
function openReceipt(metadata: Metadata) {
  // The mesh says who called; without a mesh nobody does.
  const caller = String(metadata.get("remora-client-id")[0] ?? "");
  let receipt: Receipt = { count: 0, total: 0, entry: "", caller };
  const count = (item: Item, entry: string): Receipt => {
    receipt = { count: receipt.count + 1, total: receipt.total + item.price, entry, caller };
    return receipt;
  };
  return {
    count,
    add: async (item: Item) => count(item, await writeEntry(item)),
    current: () => receipt,
  };
}

/** grpc.health.v1.Health/Check, which Kubernetes calls for a `grpc` probe; the answer is `status: SERVING`. */
const healthService = {
  Check: {
    path: "/grpc.health.v1.Health/Check",
    requestStream: false,
    responseStream: false,
    requestSerialize: (bytes: Buffer) => bytes,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
  },
};
const checkHealth: handleUnaryCall<Buffer, Buffer> = (_call, done) => done(null, Buffer.of(8, 1));

const server = new Server();
server.addService(cartService, { Add: add, AddAll: addAll, Watch: watch, Converse: converse });
server.addService(healthService, { Check: checkHealth });
server.bindAsync(`0.0.0.0:${port}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
  console.log(`cart listens on ${port}`);
});
process.on("SIGTERM", () => server.tryShutdown(() => undefined));
