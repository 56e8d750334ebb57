/** Which connections of a pool have room: found and kept up without a look at those that have none. */
import type { RequestOpener } from "../../protocol/exchange.ts";

/** A connection as its pool sees it. */
export interface PooledConnection {
  readonly opener: RequestOpener;
  /** Where the pool keeps it. */
  place: number;
  /** Begins the orderly end; the pool has forgotten the connection by then. */
  drain(): void;
}

/**
 * One array: first those that were full when they were last looked at, then the others. The one that had room last is used
 * first, so that connections that are too many become idle.
 */
export class FreeConnections {
  readonly #all: PooledConnection[] = [];
  #full = 0;

  get size(): number {
    return this.#all.length;
  }

  add(connection: PooledConnection): void {
    connection.place = this.#all.push(connection) - 1;
  }

  /** A connection with room, without taking it. */
  find(): PooledConnection | undefined {
    for (; this.#full < this.#all.length; this.#full += 1) {
      const connection = this.#all[this.#full] as PooledConnection;
      if (connection.opener.capacity > 0) return connection;
    }
    return undefined;
  }

  /** The connection has room again; nothing happens when it is not here. */
  freed(connection: PooledConnection): void {
    if (connection.place >= this.#full || !this.#has(connection)) return;
    this.#full -= 1;
    this.#swap(connection.place, this.#full);
  }

  delete(connection: PooledConnection): void {
    if (!this.#has(connection)) return;
    this.freed(connection);
    this.#swap(connection.place, this.#all.length - 1);
    this.#all.pop();
  }

  /** Gives all and forgets them. */
  clear(): PooledConnection[] {
    this.#full = 0;
    return this.#all.splice(0);
  }

  #has(connection: PooledConnection): boolean {
    return this.#all[connection.place] === connection;
  }

  #swap(first: number, second: number): void {
    const one = this.#all[first] as PooledConnection;
    const other = this.#all[second] as PooledConnection;
    this.#all[first] = other;
    this.#all[second] = one;
    other.place = first;
    one.place = second;
  }
}
