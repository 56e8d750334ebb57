import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setImmediate as setImmediatePromise } from "node:timers/promises";
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from "node:tls";
import { monotonicNow } from "../../src/core/monotonic.ts";
import type { Engine, EngineHost, Reset } from "../../src/protocol/exchange.ts";
import { createDirectWriter, unable, written } from "../../src/proxy/transport/direct-write.ts";
import { createReceiveBuffer, youngBytes } from "../../src/proxy/transport/receive-buffer.ts";
import { turnReadTime, Wire, type WireContext } from "../../src/proxy/transport/wire.ts";
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

/** Of the shared buffer that is read into. */
const largestChunk = 256 * 1024;

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await setImmediatePromise();
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

/** TLS with a shared key: this is about sockets, not about certificates. `client` is the connection below it. */
async function tlsPair(t: TestContext): Promise<{ client: Socket; server: TLSSocket }> {
  const common = { ciphers: "PSK-AES128-GCM-SHA256", maxVersion: "TLSv1.2" } as const;
  const psk = Buffer.alloc(16, 1);
  const listener = createTlsServer({ ...common, pskCallback: () => psk });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as { port: number };
  const client = connect({ port, host: "127.0.0.1" });
  const session = connectTls({
    ...common,
    socket: client,
    pskCallback: () => ({ psk, identity: "wire" }),
    checkServerIdentity: () => undefined,
  });
  session.on("error", () => {});
  const [[server]] = (await Promise.all([
    once(listener, "secureConnection"),
    once(session, "secureConnect"),
  ])) as unknown as [[TLSSocket]];
  t.after(() => {
    client.destroy();
    server.destroy();
    listener.close();
  });
  return { client, server };
}

test("an accepted socket can be read into the shared buffer on this Node", async (t) => {
  const { server } = await pair(t);
  assert.equal(createReceiveBuffer().receiveInto(server, { receive() {} }), true);
});

test("a young connection is read in small pieces, whatever the kernel has of it", async (t) => {
  const { client, server } = await pair(t);
  const total = 1024 * 1024;
  const lengths: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const createProbe = (host: EngineHost): Probe => {
    const probe = new Probe(host);
    probe.onReceive = ({ length }) => {
      lengths.push(length);
      if (probe.received === total) resolve();
    };
    return probe;
  };
  const wire = new Wire(createWireContext(), { socket: server, side: "downstream" }, createProbe);
  wire.pauseReading();
  client.write(Buffer.alloc(total));
  await until(() => client.writableLength < total / 2);
  wire.resumeReading();
  await promise;
  assert.deepEqual(lengths.slice(0, 4), Array(4).fill(youngBytes));
  assert.ok(Math.max(...lengths) > youngBytes, "it stays young");
});

test("an accepted socket can be written to without its stream on this Node", async (t) => {
  const { client, server } = await pair(t);
  const result = createDirectWriter().write(server, Buffer.from("straight"), () => {});
  assert.equal(result, written);
  const [chunk] = (await once(client, "data")) as [Buffer];
  assert.equal(chunk.toString(), "straight");
});

/** Contexts with the ways that a wire can write: on the socket's handle, and on a Node that hides it. */
const contexts: readonly [string, () => WireContext][] = [
  ["directly", createWireContext],
  [
    "through the stream",
    () => ({
      ...createWireContext(),
      directWriter: { write: () => unable },
      receiveBuffer: { receiveInto: () => false },
    }),
  ],
];

for (const [way, createContext] of contexts) {
  test(`all that an engine writes in one turn leaves in one write ${way}, and is said to be flushed`, async (t) => {
    const { client, server } = await pair(t);
    const context = createContext();
    const writes: number[] = [];
    const counting: WireContext = {
      ...context,
      directWriter: {
        write: (socket, chunk, onWritten) => {
          writes.push(chunk.length);
          return context.directWriter.write(socket, chunk, onWritten);
        },
      },
    };
    const options = { socket: server, side: "downstream" } as const;
    const wire = new Wire(counting, options, (host) => new Probe(host));
    for (const part of ["one ", "two ", "three"]) {
      wire.out.appendLatin1(part);
      wire.wantFlush();
    }
    const [chunk] = (await once(client, "data")) as [Buffer];
    assert.equal(chunk.toString(), "one two three");
    assert.deepEqual(writes, [13]);
    assert.deepEqual(wire.engine.events, ["flushed"]);
  });

  test(`what arrives on an accepted socket, which its listener paused, is read ${way}`, async (t) => {
    const { client, server } = await pair(t);
    const options = { socket: server, side: "downstream" } as const;
    const wire = new Wire(createContext(), options, (host) => new Probe(host));
    const { promise, resolve } = Promise.withResolvers<string>();
    wire.engine.onReceive = (chunk) => resolve(chunk.toString());
    client.write("hello");
    assert.equal(await promise, "hello");
  });

  test(`more than the kernel takes at once arrives whole and in order ${way}`, async (t) => {
    const { client, server } = await pair(t);
    const options = { socket: server, side: "downstream" } as const;
    const wire = new Wire(createContext(), options, (host) => new Probe(host));
    const total = 16 * 1024 * 1024;
    const pattern = Buffer.from(Array.from({ length: 65_521 }, (_, at) => at % 251));
    for (let sent = 0; sent < total; sent += pattern.length) {
      wire.out.append(pattern);
      wire.wantFlush();
    }
    wire.finish();
    let seen = 0;
    for await (const chunk of client as AsyncIterable<Buffer>) {
      for (const byte of chunk) {
        if (byte !== (seen % pattern.length) % 251) assert.fail(`byte ${seen} is ${byte}`);
        seen += 1;
      }
    }
    assert.equal(seen, Math.ceil(total / pattern.length) * pattern.length);
    assert.equal(wire.engine.events.filter((event) => event !== "flushed").length, 0);
    assert.equal(wire.engine.events.at(-1), "flushed");
  });

  test(`what is slow to read is read in turns with the others ${way}`, async (t) => {
    const { client, server } = await pair(t);
    const total = 4 * 1024 * 1024;
    const { promise, resolve } = Promise.withResolvers<void>();
    let most = 0;
    let inTurn = 0;
    const createProbe = (host: EngineHost): Probe => {
      const probe = new Probe(host);
      probe.onReceive = ({ length }) => {
        if (inTurn === 0) setImmediate(() => (inTurn = 0));
        inTurn += length;
        most = Math.max(most, inTurn);
        const began = monotonicNow();
        while (monotonicNow() - began < turnReadTime);
        if (probe.received === total) resolve();
      };
      return probe;
    };
    const wire = new Wire(createContext(), { socket: server, side: "downstream" }, createProbe);
    // So that much of it waits in the kernel when reading begins.
    wire.pauseReading();
    client.end(Buffer.alloc(total));
    setImmediate(() => wire.resumeReading());
    await promise;
    assert.equal(wire.engine.received, total);
    assert.ok(most <= largestChunk, `${most} bytes in one turn`);
  });

  test(`what an engine leaves comes again in the next turn, before all that came meanwhile ${way}`, async (t) => {
    const { client, server } = await pair(t);
    let text = "";
    let turns = 0;
    const createProbe = (host: EngineHost): Probe => {
      const probe = new Probe(host);
      probe.onReceive = (chunk) => {
        turns += 1;
        text += chunk.toString("latin1", 0, 1_000);
        if (chunk.length > 1_000) host.readAgain(chunk.subarray(1_000));
      };
      return probe;
    };
    const wire = new Wire(createContext(), { socket: server, side: "downstream" }, createProbe);
    const whole = Array.from({ length: 20_000 }, (_, at) => `${at} `).join("");
    client.write(whole.slice(0, 7_000));
    await until(() => turns > 1);
    client.write(whole.slice(7_000));
    await until(() => text.length >= whole.length);
    assert.equal(text, whole);
    assert.ok(wire.alive);
    assert.ok(turns >= whole.length / 1_000, `${turns} turns`);
  });

  test(`an engine that wants to read nothing is read nothing to after its turn ${way}`, async (t) => {
    const { client, server } = await pair(t);
    const createProbe = (host: EngineHost): Probe => {
      const probe = new Probe(host);
      probe.onReceive = () => {
        if (probe.received >= largestChunk) host.pauseReading();
      };
      return probe;
    };
    const wire = new Wire(createContext(), { socket: server, side: "downstream" }, createProbe);
    const total = 4 * 1024 * 1024;
    client.end(Buffer.alloc(total));
    await until(() => wire.engine.received >= largestChunk);
    const { received } = wire.engine;
    for (let turn = 0; turn < 10; turn += 1) await setImmediatePromise();
    assert.equal(wire.engine.received, received);
    wire.engine.onReceive = undefined;
    wire.resumeReading();
    await until(() => wire.engine.received === total);
  });

  test(`a write to a TLS peer that was reset ends the wire once ${way}`, async (t) => {
    const { client, server } = await tlsPair(t);
    const closed = Promise.withResolvers<Reset>();
    const options = { socket: server, side: "upstream", onClosed: closed.resolve } as const;
    const wire = new Wire(createContext(), options, (host) => new Probe(host));
    wire.pauseReading();
    client.resetAndDestroy();
    await once(client, "close");
    wire.out.append(Buffer.alloc(4_096));
    wire.wantFlush();
    assert.notEqual((await closed.promise).code, "upstream_closed");
    assert.equal(wire.engine.events.length, 1);
  });

  test(`a write to a peer that was reset ends the wire once ${way}`, async (t) => {
    const { client, server } = await pair(t);
    const closed = Promise.withResolvers<void>();
    const options = {
      socket: server,
      side: "downstream",
      onClosed: () => closed.resolve(),
    } as const;
    const wire = new Wire(createContext(), options, (host) => new Probe(host));
    wire.pauseReading();
    client.resetAndDestroy();
    await once(client, "close");
    wire.out.append(Buffer.alloc(4_096));
    wire.wantFlush();
    await closed.promise;
    assert.deepEqual(wire.engine.events, ["closed downstream_closed"]);
  });
}

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

test("a server that went without a word is asked after soon, a client much later", async (t) => {
  const { client, server } = await pair(t);
  if (client.connecting) await once(client, "connect");
  const wires = createWireContext();
  const createProbe = (host: EngineHost): Probe => new Probe(host);
  const up = new Wire(wires, { socket: client, side: "upstream" }, createProbe);
  const down = new Wire(wires, { socket: server, side: "downstream" }, createProbe);
  const soon = keepAliveSeconds(up.socket);
  assert.ok(soon > 8 && soon <= 10, `${soon} s`);
  const later = keepAliveSeconds(down.socket);
  assert.ok(later > 178 && later <= 180, `${later} s`);
});

/** When the kernel will ask the peer whether it is there; NaN when it will not. */
function keepAliveSeconds({ localPort, remotePort }: Socket): number {
  const hex = (port = 0): string => `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = readFileSync("/proc/net/tcp", "latin1").split("\n");
  const fields = rows.map((row) => row.trim().split(/\s+/));
  const found = fields.find(
    ([, local, remote]) => local?.endsWith(hex(localPort)) && remote?.endsWith(hex(remotePort)),
  );
  // `tr:tm->when`: 2 for a keep-alive timer, and hundredths of a second (proc_net_tcp of the kernel's documentation).
  const [timer, when = ""] = found?.[5]?.split(":") ?? [];
  return timer === "02" ? Number.parseInt(when, 16) / 100 : Number.NaN;
}
