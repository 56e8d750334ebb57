/**
 * Bounds how often a peer may change its TLS key (RFC 8446 4.6.3). Each change costs 40 µs, one read holds 2,400 of them, and no
 * engine ever sees one: a few connections would hold up everybody else for seconds.
 */

import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { MeshError } from "../../core/mesh-error.ts";
import { monotonicNow } from "../../core/monotonic.ts";

/** At once. Default 32, as in BoringSSL: a peer changes its key once in millions of records. */
export const maxKeyUpdates = 32;
/** One more for each second that passed since the first: some change it by time. */
const millisPerKeyUpdate = 1_000;

interface History {
  readonly since: number;
  count: number;
  over: boolean;
}

/** What OpenSSL writes into its log of keys when a peer in this part has changed its own. */
const labels = { client: "CLIENT_TRAFFIC_SECRET_N ", server: "SERVER_TRAFFIC_SECRET_N " };

export class KeyUpdates {
  readonly #label: Buffer;
  readonly #onFlood: () => void;
  readonly #histories = new WeakMap<TLSSocket, History>();

  /** `onFlood` hears of each connection that is ended. */
  constructor(peer: keyof typeof labels, onFlood: () => void = () => {}) {
    this.#label = Buffer.from(labels[peer], "latin1");
    this.#onFlood = onFlood;
  }

  /** Node tells each new key; whose it is stands in front. */
  readonly heard = (line: Buffer, socket: TLSSocket): void => {
    const label = this.#label;
    if (line.compare(label, 0, label.length, 0, label.length) !== 0) return;
    const now = monotonicNow();
    const history = this.#histories.get(socket) ?? { since: now, count: 0, over: false };
    this.#histories.set(socket, history);
    history.count += 1;
    const allowed = maxKeyUpdates + (now - history.since) / millisPerKeyUpdate;
    if (history.over || history.count <= allowed) return;
    history.over = true;
    this.#onFlood();
    end(socket);
  };
}

/** OpenSSL is in the middle of its work: nothing more is read, and the session ends when it has done it. */
function end(socket: Socket): void {
  socket.pause();
  setImmediate(() => {
    socket.destroy(
      new MeshError("flood", "the peer changes its TLS key all the time", {
        scope: "connection",
      }),
    );
  });
}
