/** Drives a protocol engine over a socket: feeds it what arrives, sends what it wrote once per turn of the loop. */
import type { Duplex } from "node:stream";
import type { Engine, EngineHost } from "../../protocol/exchange.ts";

/** Makes the engine that will speak on a connection; `host` is how it reaches the transport. */
export type EngineFactory<E extends Engine> = (host: EngineHost) => E;

/** A connected socket with an engine on top. */
export interface Wire<E extends Engine> {
  readonly engine: E;
  readonly socket: Duplex;
  /** Ends the connection at once. */
  destroy(): void;
}
