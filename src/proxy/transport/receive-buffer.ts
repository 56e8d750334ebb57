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
import { receivedPerLook } from "./young-garbage.ts";

/** One turn's worth of a busy connection: large reads make bulk transfers cheap, and there is only one buffer. */
const bufferBytes = 256 * 1024;

/**
 * Of it a young connection may fill so much: what is read is held until somebody takes it, and behind a stall hundreds
 * of connections are read at once before any of them is looked at.
 */
export const youngBytes: number = 16 * 1024;

/** So often a connection must have filled that to be given the whole buffer: more than a head, and than a server takes that reads nothing. */
const readsOfTheYoung = 8;

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
const youngReads = Symbol("youngReads");

type OwnedHandle = StreamHandle & { [receiverOf]?: Receiver; [youngReads]?: number };

/** `onReceived` is called once in `receivedPerLook` bytes. */
export function createReceiveBuffer(
  onReceived: () => void = () => {},
  binding: StreamBinding | undefined = findStreamBinding(),
): ReceiveBuffer {
  const bufferSymbol = findBufferSymbol();
  if (binding === undefined || bufferSymbol === undefined) return { receiveInto: () => false };
  const { streamBaseState, kReadBytesOrError } = binding;
  const buffer = Buffer.allocUnsafeSlow(bufferBytes);
  const young = buffer.subarray(0, youngBytes);
  const views: Buffer[] = Array.from({ length: keptViews }, () => buffer.subarray(0, 0));
  let ofNode: ReadCallback | undefined;
  let unseen = 0;

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
    if (length === youngBytes) grow(this);
    unseen += length;
    if (unseen >= receivedPerLook) {
      unseen = 0;
      onReceived();
    }
    this[receiverOf]?.receive(view);
  };

  const grow = (handle: OwnedHandle): void => {
    const reads = (handle[youngReads] ?? 0) + 1;
    handle[youngReads] = reads;
    if (reads === readsOfTheYoung) handle.useUserBuffer?.(buffer);
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
      handle.useUserBuffer(young);
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
