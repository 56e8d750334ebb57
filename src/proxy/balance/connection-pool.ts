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

  /** A connection with room, now; undefined means that `connect` must be awaited. */
  ready(): RequestOpener | undefined {
    return this.#connections.find()?.opener;
  }

  /**
   * Dials, or waits for the dial that is under way, and hands over a connection that has room. `use` must open its
   * exchange before it returns, since others wait for the same connection. Rejects with the dial's MeshError.
   */
  async connect(use: (opener: RequestOpener) => void): Promise<void> {
    if (!this.#options.shared) {
      const connection = await this.#dial();
      use(connection.opener);
      if (connection.opener.capacity > 0 && !this.#options.kept) connection.drain();
      return;
    }
    for (;;) {
      const opener = this.ready();
      if (opener !== undefined) {
        use(opener);
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
