/** The application behind the sidecars: answers by the tag, with the faults that the tag asks for. */
import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { accountOf, bodyOf, parsePath, type Tagged } from "./tagged.ts";

export interface Application {
  readonly port: number;
  /** What it saw that must never be: another's body or identity. */
  readonly wrongs: string[];
  /** Requests that it saw whole. */
  served: number;
  /** Resets every open connection, as a crash does. */
  crash(): void;
  close(): void;
}

/** One exchange, whatever the version of HTTP. */
interface Exchange {
  readonly path: string;
  header(name: string): string | undefined;
  /** The request's body; undefined when it was cut. */
  readonly body: Promise<string | undefined>;
  /** The whole answer. */
  answer(headers: Record<string, string>, body: string, untilClose: boolean): void;
  /** The head and a part of the body, then `stop`. */
  begin(headers: Record<string, string>, part: string, stop: () => void): void;
  /** RST of the connection where there is one for the exchange alone, RST_STREAM elsewhere. */
  readonly breakOff: () => void;
  /** The end of the connection or stream where more was promised. */
  readonly hangUp: () => void;
}

export async function startApplication(
  host: string,
  protocol: "http1" | "http2",
): Promise<Application> {
  const sockets = new Set<Socket>();
  const serve = (exchange: Exchange): void => void answer(exchange, application);
  const server =
    protocol === "http1"
      ? http.createServer((request, response) => serve(http1Exchange(request, response)))
      : http2.createServer();
  // Without node:http2's compatible interface, whose trailers end the process when a stream goes meanwhile.
  server.on("stream", (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) =>
    serve(http2Exchange(stream, headers)),
  );
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("clientError", (_error, socket) => socket.destroy());
  server.on("sessionError", () => {});
  server.listen(0, host);
  await once(server, "listening");
  const application: Application = {
    port: (server.address() as { port: number }).port,
    wrongs: [],
    served: 0,
    crash() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    close() {
      server.close();
      application.crash();
    },
  };
  return application;
}

async function answer(exchange: Exchange, app: Application): Promise<void> {
  const tagged = parsePath(exchange.path);
  const identity = String(exchange.header("remora-client-id"));
  if (!identity.endsWith(`/sa/${accountOf(tagged.tag)}`)) {
    app.wrongs.push(`${tagged.tag} came from ${identity}`);
  }
  if (exchange.header("x-tag") !== tagged.tag) app.wrongs.push(`${tagged.tag}: another's header`);
  if (tagged.habit === "early") respond(tagged, exchange);
  const body = await exchange.body;
  if (body === undefined) return;
  const size = Number(exchange.header("x-size"));
  if (body !== bodyOf(tagged.tag, size)) {
    app.wrongs.push(`${tagged.tag}: ${body.length} bytes instead of ${size} looked whole`);
  }
  app.served += 1;
  if (tagged.habit === "late") setTimeout(() => respond(tagged, exchange), 20);
  else if (tagged.habit !== "early") respond(tagged, exchange);
}

function respond({ tag, habit, size }: Tagged, exchange: Exchange): void {
  const body = bodyOf(tag, size);
  const hasLength = habit === "length" || habit === "cut-length" || habit === "reset-half";
  const headers = { "x-tag": tag, ...(hasLength ? { "content-length": String(size) } : {}) };
  if (habit === "reset") exchange.breakOff();
  else if (habit === "reset-half") exchange.begin(headers, half(body), exchange.breakOff);
  else if (habit.startsWith("cut")) exchange.begin(headers, half(body), exchange.hangUp);
  else exchange.answer(headers, body, habit === "until-close");
}

function half(text: string): string {
  return text.slice(0, text.length >> 1);
}

function http1Exchange(request: http.IncomingMessage, response: http.ServerResponse): Exchange {
  response.on("error", () => {});
  const gone = (): boolean => response.destroyed || response.writableEnded;
  return {
    path: request.url ?? "",
    header: (name) => request.headers[name]?.toString(),
    body: readBody(request, () => request.complete),
    answer(headers, body, untilClose) {
      if (gone()) return;
      if (untilClose) response.useChunkedEncodingByDefault = false;
      response.writeHead(200, untilClose ? { ...headers, connection: "close" } : headers).end(body);
    },
    begin(headers, part, stop) {
      if (gone()) return;
      response.writeHead(200, headers).flushHeaders();
      if (part === "") stop();
      else response.write(part, stop);
    },
    breakOff: () => void response.socket?.resetAndDestroy(),
    hangUp: () => void response.socket?.end(),
  };
}

function http2Exchange(
  stream: http2.ServerHttp2Stream,
  requestHeaders: http2.IncomingHttpHeaders,
): Exchange {
  stream.on("error", () => {});
  const gone = (): boolean => stream.destroyed || stream.closed || stream.headersSent;
  // `close` would end the body properly before its RST_STREAM.
  const reset = (): void => void stream.destroy(new Error("reset on purpose"));
  return {
    path: requestHeaders[":path"] ?? "",
    header: (name) => requestHeaders[name]?.toString(),
    body: readBody(stream, () => !stream.aborted && stream.rstCode === 0),
    answer(headers, body) {
      if (gone()) return;
      stream.respond({ ":status": 200, ...headers });
      stream.end(body, "latin1");
    },
    begin(headers, part, stop) {
      if (gone()) return;
      stream.respond({ ":status": 200, ...headers });
      if (part === "") stop();
      else stream.write(part, "latin1", stop);
    },
    breakOff: reset,
    hangUp: reset,
  };
}

async function readBody(from: Readable, isWhole: () => boolean): Promise<string | undefined> {
  let body = "";
  from.setEncoding("latin1");
  from.on("error", () => {});
  from.on("data", (piece: string) => void (body += piece));
  const ended = await new Promise<boolean>((resolve) => {
    from.on("end", () => resolve(true));
    from.on("close", () => resolve(false));
  });
  return ended && isWhole() ? body : undefined;
}
