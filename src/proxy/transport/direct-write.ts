/**
 * Byte gear. Writes to a socket's handle without the stream layer between: most writes end in the system call, and then
 * nothing is allocated and nobody is called back.
 */
import type { Socket } from "node:net";
import { getSystemErrorName } from "node:util";
import {
  findStreamBinding,
  type StreamBinding,
  type StreamHandle,
  type WriteRequest,
} from "./stream-binding.ts";

/** The kernel has taken all of it. */
export const written = 0;
/** `onWritten` will be called when the kernel has taken all of it, or with an error when it never will. */
export const pending = 1;
/** Nothing was done: the caller must write to the socket itself. */
export const unable = 2;

export type Written = typeof written | typeof pending | typeof unable;

export interface DirectWriter {
  /** The chunk must stay as it is until it is written. Between two calls for one socket nobody else may write to it. */
  write(socket: Socket, chunk: Buffer, onWritten: (error?: Error) => void): Written;
}

type Internals = Socket & { readonly _handle: StreamHandle | null };

/** A request with those who wait for it; they are set before the write, for a failing one may end within the call. */
interface OwnRequest extends WriteRequest {
  socket?: Socket | undefined;
  onWritten?: ((error?: Error) => void) | undefined;
}

/** Where Node hides its binding, `write` always says `unable`. */
export function createDirectWriter(
  binding: StreamBinding | undefined = findStreamBinding(),
): DirectWriter {
  if (binding === undefined) return { write: () => unable };
  const { WriteWrap, streamBaseState, kLastWriteWasAsync } = binding;
  // A write that ends at once leaves its request untouched for the next one.
  let spare: OwnRequest | undefined;
  const createRequest = (): OwnRequest => {
    const request: OwnRequest = new WriteWrap();
    request.oncomplete = complete;
    return request;
  };
  return {
    write(socket, chunk, onWritten) {
      const handle = (socket as Internals)._handle;
      if (typeof handle?.writeBuffer !== "function" || socket.writableLength > 0) return unable;
      const request = spare ?? createRequest();
      spare = undefined;
      request.socket = socket;
      request.onWritten = onWritten;
      const status = handle.writeBuffer(request, chunk);
      if (status !== 0) socket.destroy(writeError(status));
      else if (streamBaseState[kLastWriteWasAsync] === 0) {
        request.socket = undefined;
        request.onWritten = undefined;
        spare = request;
        return written;
      }
      return pending;
    },
  };
}

function complete(this: OwnRequest, status: number): void {
  const { socket, onWritten } = this;
  if (status === 0) onWritten?.();
  else {
    const error = writeError(status);
    socket?.destroy(error);
    onWritten?.(error);
  }
}

function writeError(status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { code, errno: status, syscall: "write" });
}
