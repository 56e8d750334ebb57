/** The three listeners and everything between them: made in dependency order, drained in one place. */

import type { Socket } from "node:net";
import type { DestinationReport } from "../api/sidecar-pages.ts";
import type { SocketAddress } from "../core/address.ts";
import type { Log } from "../core/log.ts";
import { monotonicNow } from "../core/monotonic.ts";
import type { Watch } from "../core/watch.ts";
import type { WorkloadTls } from "../credentials/credentials.ts";
import { createSeenLeaves } from "../credentials/seen-leaves.ts";
import { countFlood } from "../protocol/http2/stats.ts";
import { createDialler } from "./balance/dial.ts";
import { Upstreams } from "./balance/upstreams.ts";
import { drainUntrusted } from "./drain-untrusted.ts";
import type { InboundContext } from "./inbound/context.ts";
import { refuseHandshake, serveMesh } from "./inbound/mesh.ts";
import { servePlain } from "./inbound/plain.ts";
import { Pickers } from "./outbound/pickers.ts";
import { serveOutbound } from "./outbound/serve.ts";
import { inboundPort, meshPort, outboundPort } from "./ports.ts";
import { LearnedProtocols } from "./transport/learned-protocols.ts";
import { type Listener, listenTcp, listenTls } from "./transport/listen.ts";
import { createOverload, type Overload } from "./transport/overload.ts";
import type { WireContext } from "./transport/wire.ts";
import type { Workload } from "./workload.ts";

export interface DataPathOptions {
  readonly workload: Workload;
  readonly trustDomain: string;
  /** Holds a certificate by now, and a newer one after each renewal. */
  readonly tls: Watch<WorkloadTls | undefined>;
  readonly wires: WireContext;
  readonly log: Log;
  /** Refuses new work when memory runs out; an own one when there is none. */
  readonly overload?: Overload;
  readonly originalDestination: (socket: Socket) => SocketAddress | undefined;
  /** Where the application's connections are redirected to: the loopback addresses. */
  readonly outboundHosts: readonly string[];
  /** Where peers and clients outside the mesh reach the pod. */
  readonly inboundHost: string;
}

export interface DataPath {
  readonly upstreams: Upstreams;
  /** What this pod has talked to, for the admin interface. */
  destinations(): readonly DestinationReport[];
  /** Stops accepting and lets running exchanges end; resolves when the last connection is closed. */
  drain(): Promise<void>;
}

/** Resolves when all listeners are bound. */
export async function startDataPath(options: DataPathOptions): Promise<DataPath> {
  const { workload, wires, log, trustDomain, originalDestination } = options;
  const upstreams = new Upstreams(createDialler(workload, wires));
  wires.tickers.add(() => upstreams.tick());
  const overload = options.overload ?? createOverload();
  overload.tick(wires.wires);
  wires.tickers.add(() => overload.tick(wires.wires));
  const shared = { workload, upstreams, wires, originalDestination, overload };
  const pickers = new Pickers();
  const outbound = { ...shared, pickers, learned: new LearnedProtocols() };
  const readLeaf = createSeenLeaves();
  const inbound = { ...shared, trustDomain, readLeaf, log, learned: new LearnedProtocols() };

  const listeners: Listener[] = [];
  for (const host of options.outboundHosts) {
    const serve = (socket: Socket): void => void serveOutbound(socket, outbound);
    listeners.push(await listenTcp({ host, port: outboundPort }, serve, overload));
  }
  const host = options.inboundHost;
  const serve = (socket: Socket): void => void servePlain(socket, inbound);
  listeners.push(await listenTcp({ host, port: inboundPort }, serve, overload));
  listeners.push(await listenMesh(options, inbound));
  drainUntrusted(options.tls, wires, log);

  return {
    upstreams,
    destinations: () => pickers.describe(monotonicNow()),
    async drain() {
      for (const listener of listeners) listener.close();
      await drainWires(wires, upstreams);
    },
  };
}

async function listenMesh(options: DataPathOptions, inbound: InboundContext): Promise<Listener> {
  const { tls, inboundHost, wires } = options;
  const context = tls.current()?.serverOptions ?? {};
  const onKeyFlood = (): void => countFlood(wires.http2.stats, "maxKeyUpdates");
  const listener = await listenTls(
    { host: inboundHost, port: meshPort, context, admission: inbound.overload, onKeyFlood },
    (socket) => serveMesh(socket, inbound),
    (error, socket) => refuseHandshake(error, socket, inbound),
  );
  tls.subscribe((next) => {
    if (next !== undefined) listener.setSecureContext(next.serverOptions);
  });
  return listener;
}

async function drainWires(wires: WireContext, upstreams: Upstreams): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const check = (): void => {
    // The application's side is what must end; connections to upstreams follow when nothing uses them.
    const busy = [...wires.wires].some((wire) => wire.isDownstream);
    if (busy) return;
    wires.tickers.delete(check);
    upstreams.drain();
    resolve();
  };
  for (const wire of Array.from(wires.wires)) {
    if (wire.isDownstream) wire.engine.drain();
    wire.onceClosed(check);
  }
  wires.tickers.add(check);
  check();
  await promise;
}
