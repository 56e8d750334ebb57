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
import { connectError } from "./node-error.ts";

/** A pod on the same network answers in well under a millisecond; one lost SYN costs a second. */
export const connectTimeoutMillis = 3_000;

/** Gives a connected socket that is not being read yet; rejects with a MeshError. */
export async function connectTcp(address: SocketAddress): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connectNet({ host: address.ip, port: address.port, allowHalfOpen: true });
  const stop = limitConnect(socket, address);
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
  address: SocketAddress,
  secureContext: SecureContext,
): Promise<TLSSocket> {
  const options: ConnectionOptions & { allowHalfOpen: boolean } = {
    ...dialOf(address),
    secureContext,
    allowHalfOpen: true,
    ALPNProtocols: ["h2"],
    minVersion: "TLSv1.3",
    rejectUnauthorized: true,
    // Mesh names are SPIFFE IDs, which the caller compares; there is no host name to check.
    checkServerIdentity: () => undefined,
  };
  return await secure(connectTlsSocket(options), address);
}

/** For probes of an application's own TLS, whose certificate the kubelet would not check either. */
export async function connectTlsUnverified(address: SocketAddress): Promise<TLSSocket> {
  return await secure(connectTlsSocket({ ...dialOf(address), rejectUnauthorized: false }), address);
}

function dialOf(address: SocketAddress): { host: string; port: number } {
  return { host: address.ip, port: address.port };
}

async function secure(socket: TLSSocket, address: SocketAddress): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const stop = limitConnect(socket, address);
  const onError = (error: Error): void => {
    stop();
    reject(connectError(error, `TLS connection to ${formatAddress(address)}`));
  };
  socket.once("error", onError);
  socket.once("secureConnect", () => {
    stop();
    socket.removeListener("error", onError);
    resolve(socket);
  });
  return await promise;
}

function limitConnect(socket: Socket, address: SocketAddress): () => void {
  const timer = setTimeout(() => {
    socket.destroy(
      new MeshError(
        "connect_timeout",
        `no connection to ${formatAddress(address)} within ${connectTimeoutMillis} ms`,
        { side: "upstream", scope: "connection", retry: "unprocessed" },
      ),
    );
  }, connectTimeoutMillis);
  return () => clearTimeout(timer);
}
