/** A third party's server that reports each whole request as a line, and a way to know that all lines are here. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import http from "node:http";
import { connect, createServer } from "node:net";
import type { Program } from "../../apps/program.ts";
import type { Seen } from "../strict-backend.ts";

/** Takes the whole requests, in the order in which the server answers them. */
export type Report = (seen: Seen) => void;

export interface RecordedServer extends AsyncDisposable {
  readonly port: number;
  /** The whole requests since the last call, in order; complete because a request of our own came behind them. */
  seen(): Promise<readonly Seen[]>;
}

export interface RecordedServerParts {
  readonly port: number;
  readonly program: Program;
  readonly close: () => void;
}

const sentinelPath = "/that-was-all";

export async function startRecordedServer(
  host: string,
  start: (report: Report) => Promise<RecordedServerParts>,
): Promise<RecordedServer> {
  const records: Seen[] = [];
  let arrived = (): void => {};
  const { port, program, close } = await start((seen) => {
    records.push(seen);
    arrived();
  });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const awaitSentinel = async (): Promise<number> => {
    for (;;) {
      const at = records.findIndex(({ path }) => path === sentinelPath);
      if (at >= 0) return at;
      await new Promise<void>((resolve) => (arrived = resolve));
    }
  };
  return {
    port,
    async seen() {
      await get({ host, port, path: sentinelPath, agent });
      return records.splice(0, (await awaitSentinel()) + 1).slice(0, -1);
    },
    async [Symbol.asyncDispose]() {
      agent.destroy();
      await program[Symbol.asyncDispose]();
      close();
    },
  };
}

async function get(options: http.RequestOptions): Promise<void> {
  const [response] = (await once(http.get(options), "response")) as [http.IncomingMessage];
  assert.equal(response.statusCode, 200);
  response.resume();
  await once(response, "end");
}

/** Hears datagrams on loopback, which arrive there in order; `parse` gives undefined for what was no whole request. */
export async function listenForDatagrams(
  report: Report,
  parse: (line: string) => Seen | undefined,
): Promise<{ readonly port: number; readonly close: () => void }> {
  const socket = createSocket("udp4", (message) => {
    const seen = parse(message.toString("latin1"));
    if (seen !== undefined) report(seen);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return { port: socket.address().port, close: () => void socket.close() };
}

/** A port of the address that nobody listens on. */
export async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** Resolves when somebody listens there; rejects when the program ends first. */
export async function awaitPort(host: string, port: number, program: Program): Promise<void> {
  let ended = false;
  void program.exit(3_600_000).then(
    () => (ended = true),
    () => (ended = true),
  );
  for (;;) {
    const socket = connect({ host, port });
    const open = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "close").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (open) return;
    assert.equal(ended, false, program.text());
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
