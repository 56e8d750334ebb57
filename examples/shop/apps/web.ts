/** `web`: the shop's front door. HTTP/1 and a WebSocket towards people, HTTP/2 and gRPC towards the rest. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type ClientHttp2Session, connect } from "node:http2";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { WebSocketServer } from "ws";
import { cartService, type Item, type Receipt, type WatchRequest } from "./cart-service.ts";

const port = Number(process.env["PORT"] ?? 8080);
const catalogUrl = process.env["CATALOG_URL"] ?? "http://catalog:8080";
const cartAddress = process.env["CART_ADDRESS"] ?? "cart:9090";

const cart = new Client(cartAddress, credentials.createInsecure());
const { Add, AddAll, Watch, Converse } = cartService;

let session: ClientHttp2Session | undefined;

/** One HTTP/2 connection carries all requests to the catalog, and is opened again when it was lost. */
function openCatalog(): ClientHttp2Session {
  if (session !== undefined && !session.closed && !session.destroyed) return session;
  session = connect(catalogUrl);
  session.on("error", (error) => console.log(`catalog lost: ${error.message}`));
  return session;
}

/** An item, and whether the trailer that came after it held the hash of the body. */
async function readItem(id: string): Promise<{ item: unknown; trailerHolds: boolean }> {
  const stream = openCatalog().request({ ":path": `/items/${id}` });
  const hash = createHash("sha256");
  let code = 0;
  let body = "";
  let expected: unknown;
  stream.on("response", (headers) => {
    code = Number(headers[":status"]);
  });
  stream.on("trailers", (trailers) => {
    expected = trailers["body-sha256"];
  });
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    hash.update(chunk);
    body += chunk.toString("latin1");
  }
  if (code !== 200) throw new Error(`the catalog answered ${code} ${body}`);
  return { item: JSON.parse(body), trailerHolds: expected === hash.digest("hex") };
}

function deadline(millis: number): { deadline: number } {
  return { deadline: Date.now() + millis };
}

function items(user: string, count: number): Item[] {
  return Array.from({ length: count }, (_, index) => ({ user, name: "rope", price: index + 1 }));
}

/** The ways to fill a cart: each of them is one gRPC call and gives the last receipt. */
const cartCalls: Readonly<Record<string, (user: string) => Promise<Receipt>>> = {
  unary: (user) =>
    new Promise((resolve, reject) => {
      const item: Item = { user, name: "rope", price: 7 };
      const { path, requestSerialize, responseDeserialize } = Add;
      cart.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        item,
        new Metadata(),
        deadline(5_000),
        (error, receipt) => (receipt === undefined ? reject(error) : resolve(receipt)),
      );
    }),

  "client-stream": (user) =>
    new Promise((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = AddAll;
      const call = cart.makeClientStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        deadline(5_000),
        (error, receipt) => (receipt === undefined ? reject(error) : resolve(receipt)),
      );
      for (const item of items(user, 3)) call.write(item);
      call.end();
    }),

  "server-stream": async (user) => {
    const receipts: Receipt[] = [];
    for await (const receipt of watchNews({ user, count: 3, pauseMillis: 1 }, 5_000)) {
      receipts.push(receipt);
    }
    return lastOf(receipts);
  },

  bidi: async (user) => {
    const { path, requestSerialize, responseDeserialize } = Converse;
    const call = cart.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      deadline(5_000),
    );
    const receipts: Receipt[] = [];
    const waiting = items(user, 3);
    call.write(waiting.shift() as Item);
    // Each further item is sent only when the receipt of the one before is here: a real conversation.
    for await (const receipt of call as AsyncIterable<Receipt>) {
      receipts.push(receipt);
      const next = waiting.shift();
      if (next === undefined) call.end();
      else call.write(next);
    }
    return lastOf(receipts);
  },

  /** Asks for news that come too late; resolves when the deadline ended the call, as it should. */
  deadline: async (user) => {
    try {
      for await (const receipt of watchNews({ user, count: 9, pauseMillis: 5_000 }, 50)) {
        throw new Error(`news in time: ${JSON.stringify(receipt)}`);
      }
    } catch (error) {
      const late = (error as ServiceError).code === status.DEADLINE_EXCEEDED;
      if (late) return { count: 0, total: 0, entry: "", caller: "" };
      throw error;
    }
    throw new Error("the call ended as if there were no deadline");
  },
};

function watchNews(request: WatchRequest, millis: number): AsyncIterable<Receipt> {
  const { path, requestSerialize, responseDeserialize } = Watch;
  return cart.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    request,
    deadline(millis),
  );
}

function lastOf(receipts: readonly Receipt[]): Receipt {
  const last = receipts.at(-1);
  if (last === undefined || last.count !== receipts.length) {
    throw new Error(`${receipts.length} receipts, the last of them ${JSON.stringify(last)}`);
  }
  return last;
}

/** Sends the body back as it comes; its hash follows in a trailer. */
function echo(request: IncomingMessage, response: ServerResponse): void {
  const hash = createHash("sha256");
  response.writeHead(200, {
    trailer: "body-sha256",
    "x-caller": callerOf(request),
    "transfer-encoding": "chunked",
  });
  request.on("data", (chunk: Buffer) => {
    hash.update(chunk);
    if (response.write(chunk)) return;
    request.pause();
    response.once("drain", () => request.resume());
  });
  request.on("end", () => {
    response.addTrailers({ "body-sha256": hash.digest("hex") });
    response.end();
  });
  request.on("error", () => response.destroy());
}

/** The mesh says who called; without a mesh nobody does. */
function callerOf(request: IncomingMessage): string {
  return String(request.headers["remora-client-id"] ?? "");
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, place = "", name = "", kind = ""] = (request.url ?? "").split("/");
  const caller = callerOf(request);
  const call = cartCalls[kind];
  if (place === "healthz") sendJson(response, 200, { status: "ok" });
  else if (place === "") sendJson(response, 200, { page: "welcome to the shop", caller });
  else if (place === "echo") echo(request, response);
  else if (place === "items") sendJson(response, 200, { caller, ...(await readItem(name)) });
  else if (place === "cart" && call !== undefined) {
    sendJson(response, 200, { caller, receipt: await call(name) });
  } else sendJson(response, 404, { error: "no such page" });
}

function sendJson(response: ServerResponse, code: number, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(code, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: Error) => {
    console.log(`${request.url}: ${error.message}`);
    if (response.headersSent) response.destroy();
    else sendJson(response, 502, { error: error.message });
  });
});
const sockets = new WebSocketServer({ server, path: "/socket" });
sockets.on("connection", (socket, request) => {
  socket.on("error", (error) => console.log(`socket lost: ${error.message}`));
  // The first message says who called, and everything after it is an echo.
  socket.send(JSON.stringify({ caller: callerOf(request) }));
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
});
server.listen(port, () => console.log(`web listens on ${port}`));

process.on("SIGTERM", () => {
  server.close();
  for (const socket of sockets.clients) socket.close(1001);
  session?.close();
  cart.close();
});
