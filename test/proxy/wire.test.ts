import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import type { Engine, EngineHost, Reset } from "../../src/protocol/exchange.ts";
import { createReceiveBuffer } from "../../src/proxy/transport/receive-buffer.ts";
import { Wire } from "../../src/proxy/transport/wire.ts";
import { createWireContext } from "../../src/proxy/transport/wire-context.ts";

/** Keeps what it was told. */
class Probe implements Engine {
  readonly active = 0;
  readonly host: EngineHost;
  received = 0;
  readonly events: string[] = [];
  onReceive: ((chunk: Buffer) => void) | undefined;
  constructor(host: EngineHost) {
    this.host = host;
  }
  receive(chunk: Buffer): void {
    this.received += chunk.length;
    this.onReceive?.(chunk);
  }
  receiveEnd(): void {
    this.events.push("end");
  }
  flushed(): void {
    this.events.push("flushed");
  }
  closed(reset: Reset): void {
    this.events.push(`closed ${reset.code}`);
  }
  tick(): void {}
  drain(): void {}
}

async function pair(t: TestContext): Promise<{ client: Socket; server: Socket }> {
  const listener: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as { port: number };
  const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const [server] = (await once(listener, "connection")) as [Socket];
  t.after(() => {
    client.destroy();
    server.destroy();
    listener.close();
  });
  client.on("error", () => {});
  return { client, server };
}

test("an accepted socket can be read into the shared buffer on this Node", async (t) => {
  const { server } = await pair(t);
  assert.equal(
    createReceiveBuffer().receiveInto(server, () => {}),
    true,
  );
});

test("all that an engine writes in one turn leaves in one write, and is said to be flushed", async (t) => {
  const { client, server } = await pair(t);
  const wire = new Wire(
    createWireContext(),
    { socket: server, side: "downstream" },
    (host) => new Probe(host),
  );
  let writes = 0;
  const write = server.write.bind(server) as (...args: unknown[]) => boolean;
  server.write = (...args: unknown[]) => {
    writes += 1;
    return write(...args);
  };
  for (const part of ["one ", "two ", "three"]) {
    wire.out.appendLatin1(part);
    wire.wantFlush();
  }
  const [chunk] = (await once(client, "data")) as [Buffer];
  assert.equal(chunk.toString(), "one two three");
  assert.equal(writes, 1);
  assert.ok(wire.engine.events.includes("flushed"));
});

test("a paused wire reads nothing more, and a resumed one misses nothing", async (t) => {
  const { client, server } = await pair(t);
  const total = 8 * 1024 * 1024;
  const { promise, resolve } = Promise.withResolvers<void>();
  const wire = new Wire(createWireContext(), { socket: server, side: "downstream" }, (host) => {
    const probe = new Probe(host);
    probe.onReceive = () => {
      if (probe.received >= total) resolve();
      probe.host.pauseReading();
      setImmediate(() => probe.host.resumeReading());
    };
    return probe;
  });
  client.end(Buffer.alloc(total));
  await promise;
  assert.equal(wire.engine.received, total);
});

test("FIN is an end, after which this side may still answer", async (t) => {
  const { client, server } = await pair(t);
  const wire = new Wire(createWireContext(), { socket: server, side: "downstream" }, (host) => {
    const probe = new Probe(host);
    probe.receiveEnd = () => {
      probe.host.out.appendLatin1("last words");
      probe.host.finish();
    };
    return probe;
  });
  client.end();
  const [chunk] = (await once(client, "data")) as [Buffer];
  assert.equal(chunk.toString(), "last words");
  await once(server, "close");
  assert.equal(wire.alive, false);
});

test("a cut reaches the peer as a reset", async (t) => {
  const { client, server } = await pair(t);
  const wire = new Wire(
    createWireContext(),
    { socket: server, side: "downstream" },
    (host) => new Probe(host),
  );
  const cut: Reset = { code: "upstream_reset", http2Code: 2, detail: "cut", unprocessed: false };
  const failed = new Promise<NodeJS.ErrnoException>((resolve) => client.once("error", resolve));
  wire.close(cut);
  assert.equal((await failed).code, "ECONNRESET");
});

test("a reset by the peer is told to the engine once", async (t) => {
  const { client, server } = await pair(t);
  const closed = Promise.withResolvers<void>();
  const options = { socket: server, side: "downstream", onClosed: () => closed.resolve() } as const;
  const wire = new Wire(createWireContext(), options, (host) => new Probe(host));
  client.resetAndDestroy();
  await closed.promise;
  assert.deepEqual(
    wire.engine.events.filter((event) => event.startsWith("closed")),
    ["closed downstream_closed"],
  );
});
