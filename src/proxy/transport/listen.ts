/** Opens TCP listeners, plain and mutual TLS. */

import { createServer, type Server, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { MeshError } from "../../core/mesh-error.ts";

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

/** The kernel's queue of connections that wait to be accepted; rollouts make bursts. */
const backlog = 4_096;

/** A peer that has not finished its handshake by then is cut off. */
const handshakeTimeoutMillis = 10_000;

export async function listenTcp(
  options: ListenOptions,
  onSocket: (socket: Socket) => void,
): Promise<Listener> {
  const server = createServer(
    { allowHalfOpen: true, pauseOnConnect: true, noDelay: true },
    onSocket,
  );
  await bind(server, options);
  return listenerOf(server);
}

/** `onSocket` gets sockets whose peer proved possession of a key that chains to the trust bundle. */
export async function listenTls(
  options: ListenOptions & { readonly context: SecureContextOptions },
  onSocket: (socket: TLSSocket) => void,
  onHandshakeError: (error: Error, socket: TLSSocket) => void,
): Promise<TlsListener> {
  const server = createTlsServer(
    {
      ...options.context,
      // With half-open TLS sockets Node 26 keeps the descriptor of a peer that left without a closing alert.
      allowHalfOpen: false,
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ["h2"],
      minVersion: "TLSv1.3",
      noDelay: true,
      handshakeTimeout: handshakeTimeoutMillis,
    },
    onSocket,
  );
  server.on("tlsClientError", onHandshakeError);
  await bind(server, options);
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

async function bind(server: Server, options: ListenOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", (error: NodeJS.ErrnoException) => {
    const reason = error.code === "EADDRINUSE" ? "is in use by another program" : error.message;
    reject(new MeshError("config_invalid", `port ${options.port} ${reason}`, { cause: error }));
  });
  server.listen({ host: options.host, port: options.port, backlog }, resolve);
  await promise;
}

function listenerOf(server: Server): Listener {
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    close: () => void server.close(),
  };
}
