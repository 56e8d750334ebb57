/** One conversation of raw bytes: a client, a pair of sidecars with mutual TLS between them, and an application. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { AppProtocol, Endpoint } from "../../src/proxy/discovery/destination.ts";
import {
  createTestAuthority,
  meshEndpoint,
  serviceOf,
  startTestPod,
  type TestPod,
} from "../proxy/mesh-pair.ts";

export interface Script {
  /** What the client writes, one write per element. */
  readonly client: readonly string[];
  /** What the application answers to its first, second, … request head; the last one serves all later ones. */
  readonly app?: readonly string[];
  /** What the application answers once it has read this text. */
  readonly appThen?: { readonly text: string; readonly answer: string };
  /** The application closes after the answer with this index. */
  readonly appCloses?: number;
  /** The client sends no FIN: it is the sidecar that must close. */
  readonly clientStays?: boolean;
  /** The client writes its next element only when this many answers of the application were written. */
  readonly inTurns?: boolean;
}

export interface Heard {
  /** All bytes that the application read, over all its connections, as latin1. */
  readonly app: string;
  /** All bytes that the client read until the sidecar closed. */
  readonly client: string;
  readonly appConnections: number;
  /** Whether the client's connection ended by a reset. */
  readonly reset: boolean;
}

export interface Pair extends AsyncDisposable {
  converse(script: Script): Promise<Heard>;
}

/** A conversation takes milliseconds; one that takes so long hangs, and that is a finding. */
const hangMillis = 5_000;

export async function startPair(clientIp: string, serverIp: string): Promise<Pair> {
  const authority = createTestAuthority();
  const client = await startTestPod({ ip: clientIp, serviceAccount: "client", authority });
  const inboundProtocols = new Map<number, AppProtocol>();
  const serverOptions = { ip: serverIp, serviceAccount: "server", authority, inboundProtocols };
  const server = await startTestPod(serverOptions);
  let port = 80;
  return {
    async converse(script) {
      const app = createApp(script);
      app.server.listen(0, server.ip);
      await once(app.server, "listening");
      const address = app.server.address() as AddressInfo;
      // A port that the pod declares: every byte of it is read as HTTP.
      inboundProtocols.set(address.port, "http1");
      port += 1;
      route(client, meshEndpoint(server, address.port), port);
      try {
        const { text, reset } = await speak(client, script, app);
        return { app: app.heard(), client: text, appConnections: app.connections(), reset };
      } finally {
        app.server.close();
        app.destroy();
      }
    },
    async [Symbol.asyncDispose]() {
      await client.stop();
      await server.stop();
    },
  };
}

function route(client: TestPod, endpoint: Endpoint, port: number): void {
  const ip = "10.96.9.1";
  client.destinations.set(`${ip}:${port}`, serviceOf([endpoint], "http1"));
  client.origDst = { ip, port };
}

interface App {
  readonly server: Server;
  heard(): string;
  connections(): number;
  /** Resolves when this many answers were written. */
  answered(count: number): Promise<void>;
  destroy(): void;
}

const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

function createApp({ app: answers = [ok], appCloses, appThen }: Script): App {
  const texts: string[] = [];
  const sockets: Socket[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  let written = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const index = texts.push("") - 1;
    sockets.push(socket);
    let heads = 0;
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
    socket.on("data", (chunk) => {
      texts[index] += chunk.toString("latin1");
      if (appThen !== undefined && chunk.includes(appThen.text)) socket.write(appThen.answer);
      const seen = (texts[index] ?? "").split("\r\n\r\n").filter(isHead).length;
      while (heads < seen) {
        heads += 1;
        socket.write(answers[Math.min(written, answers.length - 1)] ?? "", "latin1");
        if (written === appCloses) socket.end();
        written += 1;
        for (const { count, resolve } of waiting) if (count <= written) resolve();
      }
    });
  });
  return {
    server,
    heard: () => texts.join(""),
    connections: () => texts.length,
    answered: (count) =>
      written >= count
        ? Promise.resolve()
        : new Promise((resolve) => waiting.push({ count, resolve })),
    destroy: () => sockets.forEach((socket) => socket.destroy()),
  };
}

/** The text before an empty line holds a request line, perhaps behind the body of the request before. */
function isHead(text: string, index: number, all: readonly string[]): boolean {
  return index < all.length - 1 && / HTTP\/1\.[01]\r\n/.test(`${text}\r\n`);
}

async function speak(
  pod: TestPod,
  script: Script,
  app: App,
): Promise<{ text: string; reset: boolean }> {
  const socket = connect({ host: pod.ip, port: 15_001, allowHalfOpen: true });
  let text = "";
  let reset = false;
  socket.on("error", () => {
    reset = true;
  });
  socket.on("data", (chunk) => void (text += chunk.toString("latin1")));
  const closed = new Promise<void>((resolve, reject) => {
    socket.on("end", resolve);
    socket.on("close", () => resolve());
    socket.setTimeout(hangMillis, () => reject(new Error(`hangs after ${JSON.stringify(text)}`)));
  });
  await once(socket, "connect");
  try {
    for (const [index, part] of script.client.entries()) {
      if (script.inTurns === true) await Promise.race([app.answered(index), closed]);
      socket.write(Buffer.from(part, "latin1"));
    }
    if (script.clientStays !== true) socket.end();
    await closed;
  } finally {
    socket.destroy();
  }
  return { text, reset };
}
