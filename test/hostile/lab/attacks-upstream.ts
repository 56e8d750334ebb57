/** What a server may do to the sidecar of a client that asks it. */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";

/** Requests that the pod's application has open at once. */
export const callers = 20;

/** Writes the next piece of an answer; called again when the kernel has taken it, until the connection is gone. */
type Answer = (n: number) => string;

const ok = "HTTP/1.1 200 OK\r\n";

export const upstreamAttacks: Readonly<Record<string, Answer>> = {
  "header lines without end": (n) => (n === 0 ? ok : `x-${n}: ${"h".repeat(8_000)}\r\n`),
  "tiny header lines without end": (n) => (n === 0 ? ok : "a:\r\n".repeat(1_000)),
  "status line without end": (n) => (n === 0 ? "HTTP/1.1 200 " : "x".repeat(8_000)),
  "interim heads without end": () => "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(50),
  "chunk extensions without end": (n) =>
    n === 0 ? `${ok}transfer-encoding: chunked\r\n\r\n` : `1;${"e".repeat(8_000)}\r\nx\r\n`,
  "trailers without end": (n) =>
    n === 0 ? `${ok}transfer-encoding: chunked\r\n\r\n0\r\n` : `t-${n}: ${"t".repeat(8_000)}\r\n`,
  "answers to requests that nobody made": () => `${ok}content-length: 2\r\n\r\nno`.repeat(100),
  "heads one byte at a time": (n) => (ok + "x: y\r\n".repeat(50))[n] ?? "y",
};

export interface HostileServer {
  readonly port: number;
  /** Sent so far. */
  bytes: number;
  connections: number;
  close(): void;
}

export async function startHostileServer(answer: Answer): Promise<HostileServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    hostile.connections += 1;
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.once("data", () => void write(socket, answer, hostile));
    socket.resume();
  });
  const hostile: HostileServer = {
    port: 0,
    bytes: 0,
    connections: 0,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  server.listen(0, "0.0.0.0");
  await once(server, "listening");
  return Object.assign(hostile, { port: (server.address() as { port: number }).port });
}

async function write(socket: Socket, answer: Answer, hostile: HostileServer): Promise<void> {
  for (let n = 0; !socket.destroyed; n += 1) {
    const chunk = Buffer.from(answer(n), "latin1");
    const taken = await new Promise<boolean>((resolve) => {
      socket.once("close", resolve.bind(undefined, false));
      socket.write(chunk, (error) => {
        socket.removeAllListeners("close");
        resolve(!error);
      });
    });
    if (!taken) return;
    hostile.bytes += chunk.length;
  }
}
