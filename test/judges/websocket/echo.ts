/** `echo.ts PORT`: sends every WebSocket message back as it came. */
import { WebSocketServer } from "ws";

const server = new WebSocketServer({
  host: "0.0.0.0",
  port: Number(process.argv[2]),
  perMessageDeflate: true,
  // The suite sends 16 MB messages, and 4 MB in frames of 64 bytes.
  maxPayload: 64 * 1024 * 1024,
  maxFragments: 0,
});
server.on("listening", () => process.stdout.write("listening\n"));
server.on("connection", (client) => {
  // The suite breaks the protocol on purpose; ws closes such a connection with the right code by itself.
  client.on("error", () => undefined);
  client.on("message", (data, isBinary) => client.send(data, { binary: isBinary }));
});
