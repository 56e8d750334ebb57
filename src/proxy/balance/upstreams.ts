/** Every place that the proxy has connections to: mesh peers by pod and identity, plain servers by address. */
import type { RequestHead } from "../../protocol/exchange.ts";
import type { Endpoint } from "../discovery/destination.ts";
import { ConnectionPool, type PoolEvents } from "./connection-pool.ts";
import type { PooledConnection } from "./free-connections.ts";
import { endpointKey } from "./picker.ts";

/** What is spoken to the place: `mesh` is HTTP/2 over mTLS, the others go in plaintext. */
export type UpstreamProtocol = "mesh" | "http1" | "http2" | "opaque";

/** Dials one connection of a kind; implemented on the transport in dial.ts. */
export type Dialler = (
  endpoint: Endpoint,
  protocol: UpstreamProtocol,
  events: PoolEvents,
) => Promise<PooledConnection>;

/** A pool without connections that nobody asked for is forgotten after so many ticks (seconds). */
const idlePoolTicks = 60;

export class Upstreams {
  readonly #dial: Dialler;
  readonly #pools = new Map<string, Entry>();
  /** Endpoints are replaced when they change, so an endpoint's pools are found by the object itself. */
  readonly #found = new WeakMap<Endpoint, Partial<Record<UpstreamProtocol, Entry>>>();

  constructor(dial: Dialler) {
    this.#dial = dial;
  }

  get connections(): number {
    let count = 0;
    for (const { pool } of this.#pools.values()) count += pool.size;
    return count;
  }

  pool(endpoint: Endpoint, protocol: UpstreamProtocol): ConnectionPool {
    let found = this.#found.get(endpoint);
    if (found === undefined) {
      found = {};
      this.#found.set(endpoint, found);
    }
    let entry = found[protocol];
    if (entry === undefined || entry.forgotten) {
      entry = this.#entry(endpoint, protocol);
      found[protocol] = entry;
    }
    entry.idleTicks = 0;
    return entry.pool;
  }

  /** Called once a second. */
  tick(): void {
    for (const [key, entry] of this.#pools) {
      entry.idleTicks = entry.pool.size > 0 ? 0 : entry.idleTicks + 1;
      if (entry.idleTicks <= idlePoolTicks) continue;
      entry.forgotten = true;
      this.#pools.delete(key);
    }
  }

  drain(): void {
    for (const { pool } of this.#pools.values()) pool.drain();
  }

  #entry(endpoint: Endpoint, protocol: UpstreamProtocol): Entry {
    const key = `${protocol}|${protocol === "mesh" ? peerKey(endpoint) : endpointKey(endpoint)}`;
    let entry = this.#pools.get(key);
    if (entry === undefined) {
      const pool = new ConnectionPool({
        dial: (events) => this.#dial(endpoint, protocol, events),
        shared: protocol === "mesh" || protocol === "http2",
        kept: protocol !== "opaque",
      });
      entry = { pool, idleTicks: 0, forgotten: false };
      this.#pools.set(key, entry);
    }
    return entry;
  }
}

interface Entry {
  readonly pool: ConnectionPool;
  idleTicks: number;
  forgotten: boolean;
}

/** All ports of a pod share its mesh connections; an address that moved to another pod or identity does not. */
function peerKey(endpoint: Endpoint): string {
  return `${endpoint.ip}|${endpoint.uid}|${endpoint.identity ?? ""}`;
}

/** The head of an opaque connection on its way to `authority`. */
export function connectHead(authority: string): RequestHead {
  return {
    method: "CONNECT",
    scheme: "",
    authority,
    path: "",
    protocol: "",
    headers: [],
    version: 20,
  };
}
