/**
 * Plain TCP in five ways, each on a port of its own, counted from PORT:
 *
 *   +0  echo             sends back what comes; FIN is answered with FIN
 *   +1  greeting first   says `220 ready`, then echoes lines
 *   +2  digest           reads until FIN, then answers with length and SHA-256, then FIN
 *   +3  source           reads a line `N`, then sends N pattern bytes and FIN
 *   +4  reset            reads one byte and resets the connection
 */
import { createHash } from "node:crypto";
import { createServer, type Socket } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { endProcess } from "../../src/core/end-process.ts";
import { patternChunks } from "./pattern.ts";

const base = Number(process.env["PORT"] ?? 7000);

const ways: readonly ((socket: Socket) => unknown)[] = [
  (socket) => socket.pipe(socket),
  (socket) => {
    socket.write("220 ready\n");
    socket.pipe(socket);
  },
  async (socket) => {
    const hash = createHash("sha256");
    let length = 0;
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      hash.update(chunk as Buffer);
      length += (chunk as Buffer).length;
    }
    socket.end(`${length} ${hash.digest("hex")}\n`);
  },
  (socket) => {
    socket.once("data", (line: Buffer) => {
      pipeline(Readable.from(patternChunks(Number(line.toString()))), socket).catch(() => {
        // The client went away before it had everything.
      });
    });
  },
  (socket) => socket.once("data", () => socket.resetAndDestroy()),
];

ways.forEach((way, index) => {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on("error", () => undefined);
    Promise.resolve(way(socket)).catch(() => socket.destroy());
  });
  server.listen(base + index, () => console.log(`tcp-server listens on ${base + index}`));
});
process.on("SIGTERM", () => void endProcess(process, 0));
