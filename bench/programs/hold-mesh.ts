/**
 * `hold-mesh.ts HOST PORT KEY CHAIN COUNT`: opens so many connections of a peer to a mesh port, eight at a time, prints
 * `open` and keeps them until it is ended. Where HTTP/2 is agreed on, each is a session that exchanged its settings.
 * A connection that the other side closes is told on a line of its own.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { connect, createSecureContext, type TLSSocket } from "node:tls";

const [host = "", port = "", key = "", chain = "", count = "1"] = process.argv.slice(2);
const atOnce = 8;
const secureContext = createSecureContext({
  key: readFileSync(key),
  cert: readFileSync(chain),
  minVersion: "TLSv1.3",
});

let left = Number(count);
await Promise.all(Array.from({ length: atOnce }, openInTurn));
process.stdout.write("open\n");

async function openInTurn(): Promise<void> {
  while (left > 0) {
    left -= 1;
    await open();
  }
}

async function open(): Promise<void> {
  const socket = connect({
    host,
    port: Number(port),
    secureContext,
    rejectUnauthorized: false,
    ALPNProtocols: ["h2", "http/1.1"],
  });
  socket.on("close", () => process.stdout.write("closed\n"));
  socket.on("error", (error) => process.stderr.write(`${error.message}\n`));
  await once(socket, "secureConnect");
  if (socket.alpnProtocol === "h2") await speak(socket);
}

async function speak(socket: TLSSocket): Promise<void> {
  const session = connectHttp2(`https://${host}`, { createConnection: () => socket });
  session.on("error", () => {});
  await once(session, "remoteSettings");
}
