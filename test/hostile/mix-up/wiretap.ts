/** A relay between two sidecars that reads every byte on the wire and cuts all connections when told to. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface Wiretap {
  /** Bytes that crossed. */
  bytes: number;
  /** Texts that were found in the clear. */
  readonly found: string[];
  cut(): void;
  close(): void;
}

export async function startWiretap(
  from: string,
  to: string,
  secrets: readonly string[],
): Promise<Wiretap> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host: to, port: 15_008, allowHalfOpen: true });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("data", (chunk: Buffer) => look(chunk));
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  const look = (chunk: Buffer): void => {
    tap.bytes += chunk.length;
    const secret = secrets.find((text) => chunk.includes(text));
    if (secret !== undefined) tap.found.push(secret);
  };
  const tap: Wiretap = {
    bytes: 0,
    found: [],
    cut() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    close() {
      server.close();
      tap.cut();
    },
  };
  server.listen(15_008, from);
  await once(server, "listening");
  return tap;
}
