/** Byte gear. What the owner of a stream wants to be done with it; wishes that come too late are ignored. */
import type { HeaderList, RequestHead, Reset, ResponseHead } from "../exchange.ts";
import type { ReceiveFlow } from "./receive-flow.ts";
import type { Role } from "./role.ts";
import type { Sender } from "./sender.ts";
import { canReceive, canSend, closed } from "./state.ts";
import type { Stream, StreamLink } from "./stream.ts";
import type { StreamTable } from "./stream-table.ts";

/** The connection of the streams. */
export interface WishedConnection {
  readonly sender: Sender;
  readonly streams: StreamTable;
  readonly dead: boolean;
}

export class OwnerWishes implements StreamLink {
  readonly #connection: WishedConnection;
  readonly #role: Role;
  readonly #flow: ReceiveFlow;

  constructor(connection: WishedConnection, role: Role, flow: ReceiveFlow) {
    this.#connection = connection;
    this.#role = role;
    this.#flow = flow;
  }

  sendHead(stream: Stream, head: RequestHead | ResponseHead, end: boolean): void {
    if (!canSend(stream.state) || stream.headSent || this.#connection.dead) return;
    this.#role.writeHead(stream, head, end);
  }

  sendData(stream: Stream, chunk: Uint8Array, end: boolean): void {
    if (this.#maySend(stream)) this.#connection.sender.data(stream, chunk, end);
  }

  sendTrailers(stream: Stream, headers: HeaderList): void {
    if (this.#maySend(stream)) this.#connection.sender.trailers(stream, headers);
  }

  resetStream(stream: Stream, reset: Reset): void {
    if (stream.state === closed || this.#connection.dead) return;
    this.#connection.streams.resetByOwner(stream, reset);
  }

  grant(stream: Stream, bytes: number): void {
    const count = Math.min(bytes, stream.ungranted);
    if (count <= 0 || this.#connection.dead) return;
    stream.ungranted -= count;
    this.#flow.owe(count);
    if (canReceive(stream.state)) this.#flow.oweStream(stream, count);
  }

  /** Whether a body, or its trailers, may follow what has been sent. */
  #maySend(stream: Stream): boolean {
    const { state, headSent, endQueued } = stream;
    return canSend(state) && headSent && !endQueued && !this.#connection.dead;
  }
}
