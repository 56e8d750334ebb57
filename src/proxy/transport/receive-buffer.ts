/**
 * Byte gear. Reads every socket of the process into one buffer instead of a fresh allocation per read, and hands what
 * arrived to its reader without the stream layer between.
 *
 * Node offers such a buffer for sockets that it is asked to dial (`onread`), not for accepted or TLS ones, although all
 * three share the code. The symbols behind `onread` are taken from a probe socket. The stream keeps what is rare: the
 * end, errors, pausing. Where a Node release hides any of it, `receiveInto` says false and the caller falls back to
 * `data` events.
 */
import { Socket } from "node:net";
import {
  findStreamBinding,
  type ReadCallback,
  type StreamBinding,
  type StreamHandle,
} from "./stream-binding.ts";

/** One turn's worth of a busy connection: large reads make bulk transfers cheap, and there is only one buffer. */
const bufferBytes = 256 * 1024;

/** So many views of the buffer are kept, by length: small messages come in few sizes. A power of two. */
const keptViews = 64;

/** Whoever wants what arrives on a socket. */
export interface Receiver {
  /** The chunk is valid only during the call. */
  receive(chunk: Buffer): void;
}

export interface ReceiveBuffer {
  /** Hands what arrives to `receiver`; false when it cannot be done. */
  receiveInto(socket: Socket, receiver: Receiver): boolean;
}

type Internals = Socket & { _handle: StreamHandle | null } & Record<symbol, unknown>;

const receiverOf = Symbol("receiver");

type OwnedHandle = StreamHandle & { [receiverOf]?: Receiver };

export function createReceiveBuffer(
  binding: StreamBinding | undefined = findStreamBinding(),
): ReceiveBuffer {
  const bufferSymbol = findBufferSymbol();
  if (binding === undefined || bufferSymbol === undefined) return { receiveInto: () => false };
  const { streamBaseState, kReadBytesOrError } = binding;
  const buffer = Buffer.allocUnsafeSlow(bufferBytes);
  const views: Buffer[] = Array.from({ length: keptViews }, () => buffer.subarray(0, 0));
  let ofNode: ReadCallback | undefined;

  const onRead = function (this: OwnedHandle, filled: ArrayBuffer | undefined): void {
    const length = streamBaseState[kReadBytesOrError] as number;
    if (length <= 0) {
      ofNode?.call(this, filled);
      return;
    }
    const kept = views[length & (keptViews - 1)] as Buffer;
    let view = kept;
    if (kept.length !== length) {
      view = buffer.subarray(0, length);
      views[length & (keptViews - 1)] = view;
    }
    this[receiverOf]?.receive(view);
  };

  return {
    receiveInto(socket, receiver) {
      const internals = socket as Internals;
      const handle: OwnedHandle | null = internals._handle;
      if (typeof handle?.useUserBuffer !== "function" || typeof handle.onread !== "function") {
        return false;
      }
      if (handle.onread !== onRead) ofNode = handle.onread;
      // By this the stream knows that pausing and resuming are the handle's business.
      internals[bufferSymbol] = buffer;
      handle[receiverOf] = receiver;
      handle.onread = onRead;
      handle.useUserBuffer(buffer);
      return true;
    },
  };
}

function findBufferSymbol(): symbol | undefined {
  const marker = Buffer.alloc(1);
  const probe = new Socket({ onread: { buffer: marker, callback: () => true } });
  const internals = probe as Internals;
  const symbol = Object.getOwnPropertySymbols(probe).find((each) => internals[each] === marker);
  probe.destroy();
  return symbol;
}
