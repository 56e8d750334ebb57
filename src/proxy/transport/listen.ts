/** Opens TCP listeners, plain and mutual TLS. */

import { createServer, type Server, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { ChurnSet } from "../../core/churn-set.ts";
import { MeshError } from "../../core/mesh-error.ts";
import { acceptBare, socketBelow } from "./bare-socket.ts";
import { KeyUpdates } from "./key-updates.ts";

export interface Listener {
  readonly port: number;
  /** Stops accepting; connections that are open stay. */
  close(): void;
}

export interface TlsListener extends Listener {
  /** Takes effect for the next handshake. */
  setSecureContext(context: SecureContextOptions): void;
}

export type SecureContextOptions = Parameters<
  ReturnType<typeof createTlsServer>["setSecureContext"]
>[0];

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
}

/** Asked for each connection that was accepted; one that may not come in is reset before anything is made for it. */
export interface Admission {
  admitConnection(): boolean;
}

/** The kernel's queue of connections that wait to be accepted; rollouts make bursts. */
export const backlog = 4_096;

/** A peer that has not finished its handshake by then is cut off. */
export const handshakeTimeoutMillis = 10_000;

/**
 * Handshakes that may be under way at once. Each holds 50 KB and half a millisecond of CPU time, so honest clients
 * would have to wait 128 ms before they lose a place.
 */
export const maxHandshakes = 256;

export async function listenTcp(
  options: ListenOptions,
  onSocket: (socket: Socket) => void,
  admission: Admission = everybody,
): Promise<Listener> {
  const server = createServer(
    { allowHalfOpen: true, pauseOnConnect: true, noDelay: true },
    (socket) => (admission.admitConnection() ? onSocket(socket) : refuse(socket)),
  );
  await bind(server, options);
  return listenerOf(server);
}

/** `onSocket` gets sockets whose peer proved possession of a key that chains to the trust bundle. */
export async function listenTls(
  options: ListenOptions & {
    readonly context: SecureContextOptions;
    readonly admission?: Admission;
    /** Hears of each peer that is cut off because it changes its key all the time. */
    readonly onKeyFlood?: () => void;
  },
  onSocket: (socket: TLSSocket) => void,
  onHandshakeError: (error: Error, socket: TLSSocket) => void,
): Promise<TlsListener> {
  const server = createTlsServer({
    ...options.context,
    // With half-open TLS sockets Node 26 keeps the descriptor of a peer that left without a closing alert.
    allowHalfOpen: false,
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ["h2"],
    minVersion: "TLSv1.3",
    noDelay: true,
    handshakeTimeout: handshakeTimeoutMillis,
  });
  server.on("keylog", new KeyUpdates("client", options.onKeyFlood).heard);
  const handshakes = new PendingHandshakes();
  server.on("secureConnection", (socket) => {
    handshakes.ended(socket);
    onSocket(socket);
  });
  server.on("tlsClientError", (error, socket) => {
    handshakes.ended(socket);
    onHandshakeError(error, socket);
  });
  admitFirst(server, options.admission ?? everybody, handshakes);
  await bind(server, options);
  acceptBare(server);
  return {
    ...listenerOf(server),
    setSecureContext: (context) => server.setSecureContext(context),
  };
}

/** Every address of the pod: both families where the kernel has IPv6. */
export function anyHost(): string {
  return hasIpv6() ? "::" : "0.0.0.0";
}

/** Where the kernel's REDIRECT of local connections ends up, by family. */
export function loopbackHosts(): readonly string[] {
  return hasIpv6() ? ["127.0.0.1", "::1"] : ["127.0.0.1"];
}

/** A pod whose IPv6 is switched off has no ::1 to bind. */
function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === "::1"),
  );
}

const everybody: Admission = { admitConnection: () => true };

function refuse(socket: Socket): void {
  socket.on("error", () => {});
  socket.resetAndDestroy();
}

/** Node's own listener makes a TLS session, 50 KB of it, for whoever gets as far as that. */
function admitFirst(server: Server, admission: Admission, handshakes: PendingHandshakes): void {
  const begin = server.listeners("connection");
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    if (!admission.admitConnection()) return refuse(socket);
    handshakes.began(socket);
    for (const listener of begin) Reflect.apply(listener, server, [socket]);
  });
}

/**
 * The connections whose handshake has begun. When there are too many, the oldest goes: an honest handshake takes
 * milliseconds, so those that are old are not honest.
 */
class PendingHandshakes {
  readonly #sockets = new ChurnSet<Socket>();

  began(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    if (this.#sockets.size <= maxHandshakes) return;
    const [oldest] = this.#sockets;
    oldest?.destroy();
  }

  ended(session: TLSSocket): void {
    const socket = socketBelow(session);
    if (socket !== undefined) this.#sockets.delete(socket);
  }
}

async function bind(server: Server, options: ListenOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", (error: NodeJS.ErrnoException) => {
    const reason = error.code === "EADDRINUSE" ? "is in use by another program" : error.message;
    reject(new MeshError("config_invalid", `port ${options.port} ${reason}`, { cause: error }));
  });
  server.once("listening", resolve);
  listenAt(server, options);
  await promise;
}

/** A Unix socket, which must not be there yet; what goes wrong is the server's `error`. */
export function listenAtPath(server: Server, path: string): void {
  if (!listenAlone(server, path, -1, -1)) server.listen(path);
}

function listenAt(server: Server, { host, port }: ListenOptions): void {
  const family = host.includes(":") ? 6 : 4;
  if (!listenAlone(server, host, port, family)) server.listen({ host, port, backlog });
}

type ListenHere = (
  address: string,
  port: number,
  family: 4 | 6 | -1,
  backlog: number,
  fd: undefined,
  flags: number,
) => void;

/**
 * Around `listen` and what it brings up first, which for an address of a process of its own is nothing but time and
 * memory: the resolver, the cluster with its child processes, a regular expression for IPv6. 10 ms of a start. False
 * where a Node release hides the rest.
 */
function listenAlone(server: Server, address: string, port: number, family: 4 | 6 | -1): boolean {
  const { _listen2: listen } = server as { readonly _listen2?: ListenHere };
  if (typeof listen !== "function") return false;
  Reflect.apply(listen, server, [address, port, family, backlog, undefined, 0]);
  return true;
}

function listenerOf(server: Server): Listener {
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    close: () => void server.close(),
  };
}
