/** Makes connections for the pools: mTLS to peers, plain TCP to what has no sidecar and to the local application. */

import { formatAddress } from "../../core/address.ts";
import { MeshError } from "../../core/mesh-error.ts";
import { authenticatePeer } from "../../credentials/peer.ts";
import type { Engine, EngineHost, RequestOpener, Reset } from "../../protocol/exchange.ts";
import { createHttp1Client } from "../../protocol/http1/client.ts";
import { createHttp2Client, type Http2Client } from "../../protocol/http2/client.ts";
import type { Http2Settings } from "../../protocol/http2/settings.ts";
import { countFlood } from "../../protocol/http2/stats.ts";
import { createOpaqueClient } from "../../protocol/opaque.ts";
import type { Endpoint } from "../discovery/destination.ts";
import { meshPort } from "../ports.ts";
import { connectTcp, connectTls } from "../transport/connect.ts";
import { Wire, type WireContext } from "../transport/wire.ts";
import type { Workload } from "../workload.ts";
import type { PoolEvents } from "./connection-pool.ts";
import type { PooledConnection } from "./free-connections.ts";
import type { Dialler, UpstreamProtocol } from "./upstreams.ts";

/**
 * A connection without an exchange for so long is closed. HTTP/1: before the application's own time-out, of which Node's 5 s is
 * the shortest known. Mesh: each holds 70 KB on both sides, and a pod may have asked hundreds of others in its life; before
 * the sidecar gives back what a burst took, so that the connections' memory goes with it (status/memory.ts).
 */
const idleSeconds: Readonly<Partial<Record<UpstreamProtocol, number>>> = { http1: 4, mesh: 15 };

/**
 * A peer that was cut off without a FIN is noticed after two of these; ztunnel pings as often. Only peers of the mesh: servers
 * of gRPC end a connection that is pinged so often (gRPC A8), with all its streams. TCP looks after those.
 */
const pingSeconds = 10;

/** A mesh connection is replaced after so long, so that load spreads again after a rollout. */
const maxAgeSeconds = 3_600;

export function createDialler(workload: Workload, wires: WireContext): Dialler {
  return async (endpoint, protocol, events) => {
    if (protocol === "mesh") return await dialMesh(endpoint, workload, wires, events);
    if (endpoint.strictBy !== undefined) throw plaintextForbidden(endpoint, endpoint.strictBy);
    const socket = await connectTcp(endpoint);
    return new UpstreamConnection(wires, socket, protocol, events);
  };
}

async function dialMesh(
  endpoint: Endpoint,
  workload: Workload,
  wires: WireContext,
  events: PoolEvents,
): Promise<PooledConnection> {
  const { families } = workload.meters;
  const tls = workload.tls();
  if (tls === undefined) {
    throw new MeshError("identity_missing", "no certificate was issued to this pod yet");
  }
  const counted = families.meshConnections.series("outbound");
  try {
    const onKeyFlood = (): void => countFlood(wires.http2.stats, "maxKeyUpdates");
    const address = { host: endpoint.ip, port: meshPort };
    const socket = await connectTls(address, tls.clientContext, onKeyFlood);
    const peer = authenticatePeer(socket, trustDomainOf(endpoint), endpoint.identity);
    if (peer.kind === "rejected") {
      socket.destroy();
      throw rejected(endpoint, peer.reason);
    }
    families.handshakes.series("outbound", "ok").value += 1;
    counted.value += 1;
    const end = Math.min(peer.notAfter, tls.certificate.notAfter);
    const seconds = (end - Date.now()) / 1_000;
    return new UpstreamConnection(wires, socket, "mesh", events, {
      maxAgeSeconds: Math.min(maxAgeSeconds, Math.max(1, seconds)),
      onClosed: () => void (counted.value -= 1),
    });
  } catch (error) {
    families.handshakes.series("outbound", "failed").value += 1;
    throw error;
  }
}

/** The last place before a byte could leave in plaintext. */
function plaintextForbidden({ ip, port }: Endpoint, policy: string): MeshError {
  const where = formatAddress({ ip, port });
  return new MeshError(
    "policy_denied",
    `${where} has no sidecar, and MeshPolicy ${policy} asks for mutual TLS`,
    { side: "upstream", retry: "unprocessed" },
  );
}

function rejected(endpoint: Endpoint, reason: string): MeshError {
  return new MeshError(
    "certificate_rejected",
    `${endpoint.ip} should be ${endpoint.identity ?? "nobody"}: ${reason}`,
    { side: "upstream", scope: "connection", retry: "unprocessed" },
  );
}

/** The bundle that vouches for a peer is the one of the domain that discovery named. */
function trustDomainOf(endpoint: Endpoint): string {
  return (endpoint.identity ?? "").slice("spiffe://".length).split("/", 1)[0] ?? "";
}

const silent: Reset = {
  code: "upstream_closed",
  http2Code: 0x8,
  detail: "the peer did not answer a PING",
  unprocessed: false,
};

interface UpstreamExtras {
  readonly maxAgeSeconds: number;
  readonly onClosed: () => void;
}

/** One connection in a pool: leaves the pool when it cannot take more, and goes when its last exchange ended. */
class UpstreamConnection implements PooledConnection {
  readonly opener: Engine & RequestOpener;
  place = -1;
  readonly #wire: Wire<Engine & RequestOpener>;
  readonly #events: PoolEvents;
  readonly #extras: UpstreamExtras | undefined;
  readonly #stopTicking: () => void;
  #ageSeconds = 0;
  #idleSeconds = 0;
  #isLost = false;

  constructor(
    wires: WireContext,
    socket: Wire["socket"],
    protocol: UpstreamProtocol,
    events: PoolEvents,
    extras?: UpstreamExtras,
  ) {
    this.#events = events;
    this.#extras = extras;
    const onClosed = (): void => {
      this.#leave();
      this.#stopTicking();
      extras?.onClosed();
    };
    const tick = (): void => this.#tick(protocol);
    wires.tickers.add(tick);
    this.#stopTicking = () => void wires.tickers.delete(tick);
    const create = (host: EngineHost): Engine & RequestOpener =>
      createEngine(host, protocol, wires.http2, this);
    this.#wire = new Wire(wires, { socket, side: "upstream", onClosed }, create);
    this.opener = this.#wire.engine;
  }

  onFree(): void {
    this.#events.freed(this);
  }

  onUnusable(): void {
    this.#leave();
  }

  drain(): void {
    this.#leave();
    this.opener.drain();
  }

  /** The answer to the last PING is due when the next one is sent. */
  #isAnswered(protocol: UpstreamProtocol): boolean {
    return protocol !== "mesh" || (this.opener as Http2Client).ping();
  }

  #leave(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#events.lost(this);
  }

  #tick(protocol: UpstreamProtocol): void {
    this.#ageSeconds += 1;
    this.#idleSeconds = this.opener.active > 0 ? 0 : this.#idleSeconds + 1;
    const tooOld = this.#extras !== undefined && this.#ageSeconds >= this.#extras.maxAgeSeconds;
    const tooIdle = this.#idleSeconds >= (idleSeconds[protocol] ?? Number.POSITIVE_INFINITY);
    if ((tooOld || tooIdle) && !this.#isLost) this.drain();
    if (this.#ageSeconds % pingSeconds === 0 && !this.#isAnswered(protocol))
      this.#wire.destroy(silent);
  }
}

function createEngine(
  host: EngineHost,
  protocol: UpstreamProtocol,
  settings: Http2Settings,
  connection: UpstreamConnection,
): Engine & RequestOpener {
  switch (protocol) {
    case "http1":
      return createHttp1Client(host, {
        onIdle: () => connection.onFree(),
        onUnusable: () => connection.onUnusable(),
      });
    case "opaque":
      return createOpaqueClient(host);
    case "mesh":
    case "http2":
      return createHttp2Client(
        host,
        { onCapacity: () => connection.onFree(), onDraining: () => connection.onUnusable() },
        settings,
      );
  }
}
