/**
 * Reads every socket of the process into one buffer instead of a fresh allocation per read.
 *
 * Node offers this for sockets that it is asked to dial (`onread`), not for accepted or TLS ones, although all three
 * share the code. The three symbols behind `onread` are taken from a probe socket; where a Node release hides them,
 * `receiveInto` says false and the caller falls back to `data` events.
 */
import { Socket } from "node:net";

/** One turn's worth of a busy connection: large reads make bulk transfers cheap, and there is only one buffer. */
const bufferBytes = 256 * 1024;

interface StreamHandle {
  useUserBuffer(buffer: Uint8Array): void;
}

type SocketInternals = Socket & { _handle: StreamHandle | null } & Record<symbol, unknown>;

export interface ReceiveBuffer {
  /** Sends what arrives to `callback` as a view that is valid only during the call; false when it cannot be done. */
  receiveInto(socket: Socket, callback: (chunk: Buffer) => void): boolean;
}

export function createReceiveBuffer(): ReceiveBuffer {
  const buffer = Buffer.allocUnsafeSlow(bufferBytes);
  const symbols = findSymbols();
  return {
    receiveInto(socket, callback) {
      const internals = socket as SocketInternals;
      const handle = internals._handle;
      if (symbols === undefined || handle === null || typeof handle?.useUserBuffer !== "function") {
        return false;
      }
      internals[symbols.buffer] = buffer;
      internals[symbols.callback] = (length: number): boolean => {
        callback(buffer.subarray(0, length));
        return true;
      };
      handle.useUserBuffer(buffer);
      return true;
    },
  };
}

function findSymbols(): { buffer: symbol; callback: symbol } | undefined {
  const marker = Buffer.alloc(1);
  const onRead = (): boolean => true;
  const probe = new Socket({ onread: { buffer: marker, callback: onRead } });
  const internals = probe as SocketInternals;
  const find = (value: unknown): symbol | undefined =>
    Object.getOwnPropertySymbols(probe).find((symbol) => internals[symbol] === value);
  const buffer = find(marker);
  const callback = find(onRead);
  probe.destroy();
  return buffer === undefined || callback === undefined ? undefined : { buffer, callback };
}
