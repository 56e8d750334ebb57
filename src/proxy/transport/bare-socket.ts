/**
 * What a TLS server needs of the connection below its encryption. Node makes a whole stream for it, of which a
 * `TLSSocket` uses only the handle: a fifth of what a handshake costs, and 4 KB for as long as the connection lives.
 * The encryption, and every check of it, stays Node's own.
 */
import { type Server, Socket } from "node:net";

/** Of Node's TCP handle, what is used here. */
interface TcpHandle {
  onread?: () => void;
  close(closed: () => void): void;
  reset(closed: () => void): number;
  setNoDelay(on: boolean): void;
}

type OnConnection = (this: unknown, status: number, accepted: TcpHandle | undefined) => void;

interface Internals {
  readonly _handle?: { onconnection?: OnConnection } | null;
}

/**
 * Emits `connection` with bare sockets from now on, while the server listens. Where a Node release hides the handle,
 * all stays as it was.
 */
export function acceptBare(server: Server): void {
  const listening = (server as Internals)._handle;
  const ofNode = listening?.onconnection;
  if (listening === null || listening === undefined || ofNode === undefined) return;
  listening.onconnection = function (status, accepted) {
    if (status !== 0 || !isTcpHandle(accepted))
      return Reflect.apply(ofNode, this, [status, accepted]);
    accepted.setNoDelay(true);
    server.emit("connection", new BareSocket(accepted));
  };
}

/** The connection that a TLS session was made on: what `connection` was emitted with. */
export function socketBelow(session: Socket): Socket | undefined {
  return (session as { readonly _parent?: Socket })._parent;
}

/** Closes its handle when it is told to, and tells who waits for that. Nobody reads or writes here but the session. */
class BareSocket {
  readonly connecting = false;
  readonly allowHalfOpen = false;
  readonly readableLength = 0;
  readonly writableLength = 0;
  /** The name that a `TLSSocket` looks for. */
  _handle: TcpHandle | null;
  /** Node walks from a session to what is below it, and on. */
  readonly _parent = null;
  #closed: (() => void)[] | undefined;

  constructor(handle: TcpHandle) {
    // A handle without a reader would end the process if anything were read before a session is there.
    handle.onread = ignore;
    this._handle = handle;
  }

  /** Errors are the session's. */
  on(event: string, listener: () => void): this {
    if (event === "close") (this.#closed ??= []).push(listener);
    return this;
  }

  /** What is emitted here is emitted once. */
  once(event: string, listener: () => void): this {
    return this.on(event, listener);
  }

  destroy(): this {
    this.#take()?.close(this.#onClosed);
    return this;
  }

  resetAndDestroy(): this {
    this.#take()?.reset(this.#onClosed);
    return this;
  }

  #take(): TcpHandle | null {
    const handle = this._handle;
    this._handle = null;
    return handle;
  }

  readonly #onClosed = (): void => {
    for (const listener of this.#closed ?? []) listener();
  };
}

// Node asks whether it is a socket; the constructor of one is what is left out.
Object.setPrototypeOf(BareSocket.prototype, Socket.prototype);

function isTcpHandle(handle: TcpHandle | undefined): handle is TcpHandle {
  return typeof handle?.close === "function" && typeof handle.reset === "function";
}

function ignore(): void {}
