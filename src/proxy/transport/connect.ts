/** Dials TCP and mutual TLS. */
import { connect as connectNet, type Socket } from "node:net";
import {
  type ConnectionOptions,
  connect as connectTlsSocket,
  type SecureContext,
  type TLSSocket,
} from "node:tls";
import { formatAddress, type SocketAddress } from "../../core/address.ts";
import { MeshError } from "../../core/mesh-error.ts";
import { KeyUpdates } from "./key-updates.ts";
import { connectError } from "./node-error.ts";

/** A pod on the same network answers in well under a millisecond; one lost SYN costs a second. */
export const connectTimeoutMillis = 3_000;

/** Where to dial; a name is resolved by the system. */
export interface DialAddress {
  readonly host: string;
  readonly port: number;
}

/** Gives a connected socket that is not being read yet; rejects with a MeshError. */
export async function connectTcp(address: SocketAddress): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connectNet({ host: address.ip, port: address.port, allowHalfOpen: true });
  const stop = limitConnect(socket, dialOf(address));
  const onError = (error: Error): void => {
    stop();
    reject(connectError(error, `connect to ${formatAddress(address)}`));
  };
  socket.once("error", onError);
  socket.once("connect", () => {
    stop();
    socket.pause();
    socket.removeListener("error", onError);
    resolve(socket);
  });
  return await promise;
}

/** The peer's chain was verified; whose it is, the caller must still ask. */
export async function connectTls(
  address: DialAddress,
  secureContext: SecureContext,
  onKeyFlood?: () => void,
): Promise<TLSSocket> {
  const options: ConnectionOptions & { allowHalfOpen: boolean } = {
    ...address,
    secureContext,
    allowHalfOpen: true,
    ALPNProtocols: ["h2"],
    minVersion: "TLSv1.3",
    rejectUnauthorized: true,
    // Mesh names are SPIFFE IDs, which the caller compares; there is no host name to check.
    checkServerIdentity: () => undefined,
  };
  const socket = connectTlsSocket(options);
  const updates = new KeyUpdates("server", onKeyFlood);
  socket.on("keylog", (line: Buffer) => updates.heard(line, socket));
  return await secure(socket, address);
}

/** For probes of an application's own TLS, whose certificate the kubelet would not check either. */
export async function connectTlsUnverified(address: SocketAddress): Promise<TLSSocket> {
  const dial = dialOf(address);
  return await secure(connectTlsSocket({ ...dial, rejectUnauthorized: false }), dial);
}

function dialOf(address: SocketAddress): DialAddress {
  return { host: address.ip, port: address.port };
}

async function secure(socket: TLSSocket, address: DialAddress): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const stop = limitConnect(socket, address);
  const onError = (error: Error): void => {
    stop();
    reject(connectError(error, `TLS connection to ${address.host}:${address.port}`));
  };
  socket.once("error", onError);
  socket.once("secureConnect", () => {
    stop();
    socket.removeListener("error", onError);
    resolve(socket);
  });
  return await promise;
}

function limitConnect(socket: Socket, address: DialAddress): () => void {
  const timer = setTimeout(() => {
    socket.destroy(
      new MeshError(
        "connect_timeout",
        `no connection to ${address.host}:${address.port} within ${connectTimeoutMillis} ms`,
        { side: "upstream", scope: "connection", retry: "unprocessed" },
      ),
    );
  }, connectTimeoutMillis);
  return () => clearTimeout(timer);
}
