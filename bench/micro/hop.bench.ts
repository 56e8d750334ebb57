/**
 * What a request costs both sidecars in JavaScript: `node bench/micro/hop.bench.ts [CONNECTIONS]`. An application's requests go
 * through the outbound half, over HTTP/2, through the inbound half to an application and back, without a socket, TLS or
 * the kernel. Nanoseconds for each request and hop, best of several rounds; `--cpu-prof` says where they go.
 */
import { noPolicySnapshot } from "../../src/api/authorization.ts";
import { createLog } from "../../src/core/log.ts";
import { openLogOutput } from "../../src/core/log-output.ts";
import { parseSpiffeId } from "../../src/core/spiffe-id.ts";
import { createByteWriter } from "../../src/protocol/byte-writer.ts";
import type { Engine, EngineHost } from "../../src/protocol/exchange.ts";
import { createHttp1Client } from "../../src/protocol/http1/client.ts";
import { createHttp1Server } from "../../src/protocol/http1/server.ts";
import { createHttp2Client } from "../../src/protocol/http2/client.ts";
import { createHttp2Server } from "../../src/protocol/http2/server.ts";
import { verifyPeerLeaf } from "../../src/protocol/x509/peer-leaf.ts";
import { Picker } from "../../src/proxy/balance/picker.ts";
import type { Upstreams } from "../../src/proxy/balance/upstreams.ts";
import type { Endpoint } from "../../src/proxy/discovery/destination.ts";
import { MeshExchanges } from "../../src/proxy/inbound/mesh-exchanges.ts";
import { OutboundHttp } from "../../src/proxy/outbound/http.ts";
import { createDataPathFamilies } from "../../src/proxy/telemetry/families.ts";
import { createMeters } from "../../src/proxy/telemetry/meter.ts";
import { RecentFailures } from "../../src/proxy/telemetry/recent-failures.ts";
import { createOverload } from "../../src/proxy/transport/overload.ts";
import { createWireContext } from "../../src/proxy/transport/wire-context.ts";
import type { Workload } from "../../src/proxy/workload.ts";

const rounds = 12;
const perRound = 60_000;
const connections = Number(process.argv[2] ?? 32);

const wires = createWireContext();

/** A connection to nowhere: what the engine wrote is taken from `out` by the loop below. */
class Nowhere implements EngineHost {
  readonly out = createByteWriter(wires.buffers);
  wantFlush(): void {}
  readAgain(): void {
    throw new Error("more requests than of one turn");
  }
  pauseReading(): void {}
  resumeReading(): void {}
  finish(): void {}
  close(): void {}
}

/** Hands what one side wrote to the other, as a turn of the loop does. */
function carry(from: EngineHost, sender: Engine, receiver: Engine): void {
  if (from.out.length === 0) return;
  const { buffer } = from.out;
  receiver.receive(from.out.take());
  wires.buffers.give(buffer);
  sender.flushed();
}

const identity = parseSpiffeId("spiffe://cluster.local/ns/shop/sa/web");
if (identity === undefined) throw new Error("not an identity");
const snapshot = { ...noPolicySnapshot, loaded: true };
const families = createDataPathFamilies();
const workload: Workload = {
  namespace: "shop",
  name: "web",
  ip: "10.0.0.5",
  identity,
  discovery: { resolve: async () => ({ kind: "unknown" }) } as unknown as Workload["discovery"],
  policies: { current: () => snapshot, subscribe: () => () => {} },
  tls: () => undefined,
  meters: createMeters(families),
  accessLog: undefined,
  failures: new RecentFailures(families.errors),
  inboundProtocols: new Map(),
  isOpaquePort: () => false,
};
const overload = createOverload();
overload.tick(wires.wires);

const endpoint: Endpoint = {
  ip: "10.0.0.9",
  port: 8080,
  tunnel: "mesh",
  identity,
  namespace: "shop",
  workload: "catalog",
  uid: "1",
};
const picker = new Picker();
picker.update([endpoint, { ...endpoint, ip: "10.0.0.10" }]);

const clientHost = new Nowhere();
const meshClient = createHttp2Client(clientHost, { onCapacity() {}, onDraining() {} }, wires.http2);
const serverHost = new Nowhere();

const applications = Array.from({ length: connections }, () => {
  const host = new Nowhere();
  const owner = { onIdle: (): void => void idle.push(engine), onUnusable() {} };
  const engine = createHttp1Client(host, owner);
  return { host, engine };
});
const idle = applications.map(({ engine }) => engine);
const toApplication = { pool: () => ({ ready: () => idle.pop() }) } as unknown as Upstreams;
const exchanges = new MeshExchanges(
  {
    workload,
    trustDomain: "cluster.local",
    readLeaf: verifyPeerLeaf,
    upstreams: toApplication,
    wires,
    overload,
    learned: undefined as never,
    originalDestination: () => undefined,
    log: createLog("bench", "fatal", openLogOutput(2)),
  },
  { peer: identity, clientIp: "10.0.0.5", client: "10.0.0.5:40000", localIp: "10.0.0.9" },
);
const meshServer = createHttp2Server(serverHost, exchanges, wires.http2);

const toMesh = { pool: () => ({ ready: () => meshClient }) } as unknown as Upstreams;
const clients = Array.from({ length: connections }, (_, index) => {
  const host = new Nowhere();
  const acceptor = new OutboundHttp({
    workload,
    upstreams: toMesh,
    overload,
    client: `10.0.0.5:${41_000 + index}`,
    service: "shop/catalog",
    protocol: "http1",
    picker: () => picker,
  });
  return { host, engine: createHttp1Server(host, acceptor, wires.http1) };
});

const request = Buffer.from(
  "GET /100 HTTP/1.1\r\nHost: 10.96.0.10:80\r\nUser-Agent: bench/1\r\nAccept: */*\r\n\r\n",
);
const response = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\n${"x".repeat(100)}`,
);
const nobody: Pick<Engine, "receive"> = { receive() {} };

function turn(): void {
  for (const { engine } of clients) engine.receive(request);
  carry(clientHost, meshClient, meshServer);
  for (const { host, engine } of applications) {
    if (host.out.length === 0) continue;
    carry(host, engine, nobody as Engine);
    engine.receive(response);
  }
  carry(serverHost, meshServer, meshClient);
  for (const { host, engine } of clients) carry(host, engine, nobody as Engine);
}

carry(clientHost, meshClient, meshServer);
carry(serverHost, meshServer, meshClient);
let best = Number.POSITIVE_INFINITY;
for (let round = 0; round < rounds; round += 1) {
  // All threads of the process, so that the collector's helpers count.
  const before = process.cpuUsage();
  for (let done = 0; done < perRound; done += connections) turn();
  const { user, system } = process.cpuUsage(before);
  best = Math.min(best, ((user + system) * 1_000) / perRound / 2);
}
process.stdout.write(`a request and hop, ${connections} connections: ${best.toFixed(0)} ns\n`);
