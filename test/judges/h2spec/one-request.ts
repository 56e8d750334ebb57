/** `one-request.ts URL`: sends one GET with the client engine and stays until the server closes or falls silent. */
import { connect } from "node:net";
import type { MessageReader, ResponseHead } from "../../../src/protocol/exchange.ts";
import { createHttp2Client } from "../../../src/protocol/http2/client.ts";
import { attachEngine } from "../../protocol-http2/socket-host.ts";

/** The judge decides within its own timeout, which is longer; it then sees the connection close. */
const patienceMillis = 1_500;

const url = new URL(process.argv[2] ?? "");
const socket = connect(Number(url.port), url.hostname);
const { engine } = attachEngine(socket, (host) =>
  createHttp2Client(host, { onCapacity() {}, onDraining() {} }),
);
const reader: MessageReader<ResponseHead> = {
  onHead() {},
  onData(chunk) {
    request.grant(chunk.length);
  },
  onTrailers() {},
  onReset() {},
  onCredit() {},
};
const request = engine.open(
  {
    method: "GET",
    scheme: "http",
    authority: url.host,
    path: url.pathname,
    protocol: "",
    headers: ["accept", "*/*"],
    version: 20,
  },
  true,
  reader,
);
const timer = setTimeout(() => socket.destroy(), patienceMillis);
socket.on("close", () => clearTimeout(timer));
