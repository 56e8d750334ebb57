/**
 * An HTTP/1 server with the habits that proxies trip over. Each path is one habit:
 *
 *   /bytes/N          N pattern bytes, chunked, with their SHA-256 in a trailer
 *   /length/N         the same with content-length and no trailer
 *   /until-close/N    the same, ended by closing the connection
 *   /cut/N            promises N bytes and resets the connection after half of them
 *   /digest           answers with the length and SHA-256 of the request's body, and its trailers
 *   /headers          answers with the request's method, path and headers
 *   /hints            103 Early Hints, then 200
 *   /status/CODE      an empty answer with this status
 *   /wait/MILLIS      answers late
 *   /socket           a WebSocket echo
 *   /upgrade          any other protocol asked for by Upgrade: an echo of bytes
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { WebSocketServer } from "ws";
import { endProcess } from "../../src/core/end-process.ts";
import { patternChunks } from "./pattern.ts";

const port = Number(process.env["PORT"] ?? 8080);
const host = process.env["HOST_NAME"] ?? process.env["HOSTNAME"] ?? "";

type Habit = (request: IncomingMessage, response: ServerResponse, argument: string) => unknown;

const habits: Readonly<Record<string, Habit>> = {
  "": (_request, response) => sendText(response, 200, `hello from ${host}\n`),
  bytes: (_request, response, size) => sendPattern(response, Number(size), "chunked"),
  length: (_request, response, size) => sendPattern(response, Number(size), "length"),
  "until-close": (_request, response, size) => sendPattern(response, Number(size), "close"),
  cut: (_request, response, size) => {
    response.writeHead(200, { "content-length": size });
    response.write(Buffer.alloc(Number(size) / 2), () => response.socket?.resetAndDestroy());
  },
  digest: async (request, response) => {
    const hash = createHash("sha256");
    let length = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      hash.update(chunk);
      length += chunk.length;
    }
    sendJson(response, { length, sha256: hash.digest("hex"), trailers: request.trailers });
  },
  headers: (request, response) => {
    const { method, url, httpVersion, rawHeaders } = request;
    sendJson(response, { method, url, httpVersion, rawHeaders, headers: request.headers });
  },
  hints: (_request, response) => {
    response.writeEarlyHints({ link: "</style.css>; rel=preload; as=style" });
    sendText(response, 200, "after the hints\n");
  },
  status: (_request, response, code) => response.writeHead(Number(code)).end(),
  wait: (_request, response, millis) => {
    setTimeout(() => sendText(response, 200, `late, from ${host}\n`), Number(millis));
  },
};

/** Obeys back-pressure, so that a slow reader costs this server no memory either. */
async function sendPattern(
  response: ServerResponse,
  size: number,
  framing: "chunked" | "length" | "close",
): Promise<void> {
  if (framing === "length") response.setHeader("content-length", size);
  if (framing === "chunked") response.setHeader("trailer", "body-sha256");
  if (framing === "close") {
    response.useChunkedEncodingByDefault = false;
    response.setHeader("connection", "close");
  }
  const hash = createHash("sha256");
  for (const chunk of patternChunks(size)) {
    if (response.destroyed) return;
    hash.update(chunk);
    if (!response.write(chunk)) {
      await new Promise<void>((resolve) => {
        response.once("drain", resolve);
        response.once("close", resolve);
      });
    }
  }
  if (framing === "chunked") response.addTrailers({ "body-sha256": hash.digest("hex") });
  response.end();
}

function sendText(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, { "content-type": "text/plain" }).end(text);
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
}

const server = createServer({ maxHeaderSize: 128 * 1024 }, (request, response) => {
  const [, name = "", argument = ""] = (request.url ?? "").split("?")[0]?.split("/") ?? [];
  const habit = habits[name];
  if (habit === undefined) {
    sendText(response, 404, "no such habit\n");
    return;
  }
  Promise.resolve(habit(request, response, argument)).catch(() => response.destroy());
});
const sockets = new WebSocketServer({ noServer: true });
server.on("upgrade", (request, socket: Socket, head) => {
  if (request.headers.upgrade?.toLowerCase() === "websocket") {
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on("error", () => undefined);
      webSocket.on("message", (data, isBinary) => webSocket.send(data, { binary: isBinary }));
    });
    return;
  }
  socket.on("error", () => undefined);
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${request.headers.upgrade}\r\n\r\n`,
  );
  socket.write(head);
  socket.pipe(socket);
});
server.listen(port, () => console.log(`http1-server listens on ${port}`));
// Answers what it has begun, as a server that is used in earnest does; WebSockets do not keep it.
process.on("SIGTERM", () => {
  for (const socket of sockets.clients) socket.terminate();
  server.close(() => void endProcess(process, 0));
  server.closeIdleConnections();
});
