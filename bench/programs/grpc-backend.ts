/**
 * `grpc-backend.ts PORT`: an echo for gRPC streams, which nginx cannot be. What arrives on `/bench.Echo/Stream` goes back
 * at once; any other method answers with one message of 100 bytes.
 */
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { grpcMessage } from "../backend.ts";

const reply = grpcMessage(100);
const window = 1024 * 1024;

const server = createServer({ settings: { initialWindowSize: window } });
server.on("session", (session) => session.setLocalWindowSize(window));
server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
  stream.on("error", () => stream.destroy());
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  if (headers[":path"] === "/bench.Echo/Stream") echo(stream);
  else answer(stream);
});
server.listen(Number(process.argv[2]), "0.0.0.0");

function echo(stream: ServerHttp2Stream): void {
  stream.on("data", (data: Buffer) => stream.write(data));
  stream.on("end", () => stream.end());
}

function answer(stream: ServerHttp2Stream): void {
  stream.resume();
  stream.on("end", () => stream.end(reply));
}
