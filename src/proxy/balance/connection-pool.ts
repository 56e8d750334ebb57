/** Open connections to one place: those with room are reused, and one more is dialled when none has. */
import type { RequestOpener } from "../../protocol/exchange.ts";
import { FreeConnections, type PooledConnection } from "./free-connections.ts";

/** What a pool must hear of its connections. */
export interface PoolEvents {
  /** It closes or drains. */
  lost(connection: PooledConnection): void;
  /** It had no room for another exchange, and has some now. */
  freed(connection: PooledConnection): void;
}

export interface PoolOptions {
  /** Dials and resolves when the first exchange can be opened. */
  readonly dial: (events: PoolEvents) => Promise<PooledConnection>;
  /** Requests that multiplex share a dial that is under way; an HTTP/1 connection serves only who dialled it. */
  readonly shared: boolean;
  /** A connection that its dialler did not want after all waits here for the next one. */
  readonly kept: boolean;
}

/** Who wants to open one exchange. */
export interface Taker {
  /** Connections over which it was sent in vain. */
  readonly attempts: number;
  /** The connection has room. The exchange must be opened before this returns, since others wait for the same one. */
  connect(opener: RequestOpener): void;
  /** With the dial's MeshError. */
  connectFailed(error: unknown): void;
}

export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #connections = new FreeConnections();
  #dialling: Promise<PooledConnection> | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#connections.size;
  }

  /** Hands over a connection that has room: at once when there is one, else when it is dialled. */
  take(taker: Taker): void {
    // Whoever closes one idle connection without an answer has closed the others too.
    const mayReuse = this.#options.kept && taker.attempts === 0;
    const opener = mayReuse ? this.#ready() : undefined;
    if (opener !== undefined) taker.connect(opener);
    else this.#connect(taker).catch((error: unknown) => taker.connectFailed(error));
  }

  #ready(): RequestOpener | undefined {
    return this.#connections.find()?.opener;
  }

  /** Dials, or waits for the dial that is under way. */
  async #connect(taker: Taker): Promise<void> {
    if (!this.#options.shared) {
      const connection = await this.#dial();
      taker.connect(connection.opener);
      if (connection.opener.capacity > 0 && !this.#options.kept) connection.drain();
      return;
    }
    for (;;) {
      const opener = this.#ready();
      if (opener !== undefined) {
        taker.connect(opener);
        return;
      }
      this.#dialling ??= this.#dial().finally(() => {
        this.#dialling = undefined;
      });
      await this.#dialling;
    }
  }

  /** Lets running exchanges end and forgets all connections. */
  drain(): void {
    for (const connection of this.#connections.clear()) connection.drain();
  }

  async #dial(): Promise<PooledConnection> {
    let gone = false;
    const connection = await this.#options.dial({
      lost: (lost) => {
        gone = true;
        this.#connections.delete(lost);
      },
      freed: (freed) => this.#connections.freed(freed),
    });
    if (!gone) this.#connections.add(connection);
    return connection;
  }
}
