/**
 * `grpc-stream.ts HOST PORT MESSAGES`: one gRPC stream over which so many messages of 100 bytes go there and back, 32 under
 * way at a time. Prints one line of JSON when all are back and the trailers say that all went well.
 */
import { connect } from "node:http2";
import { grpcMessage } from "../backend.ts";

const [host = "", port = "", count = "1"] = process.argv.slice(2);
const underWay = 32;
const messages = Number(count);
const message = grpcMessage(100);
const window = 1024 * 1024;

const session = connect(`http://${host}:${port}`, { settings: { initialWindowSize: window } });
session.on("error", fail);
session.once("connect", () => session.setLocalWindowSize(window));
const stream = session.request({
  ":method": "POST",
  ":path": "/bench.Echo/Stream",
  "content-type": "application/grpc",
  te: "trailers",
});
stream.on("error", fail);
let sent = 0;
let bytes = 0;
let status: unknown;
const start = performance.now();
stream.on("data", (data: Buffer) => {
  bytes += data.length;
  send(Math.floor(bytes / message.length) + underWay);
  if (bytes === messages * message.length) stream.end();
});
stream.on("trailers", (trailers) => {
  status = trailers["grpc-status"];
});
stream.on("close", () => {
  const seconds = (performance.now() - start) / 1_000;
  const back = bytes / message.length;
  if (back !== messages || status !== "0")
    fail(new Error(`${back} of ${messages} messages came back, grpc-status ${String(status)}`));
  process.stdout.write(`${JSON.stringify({ messages, seconds })}\n`, () => process.exit(0));
});
send(underWay);

function send(upTo: number): void {
  for (; sent < Math.min(upTo, messages); sent += 1) stream.write(message);
}

function fail(error: Error): never {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
