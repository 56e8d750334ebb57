/**
 * The parts of Node's internal stream binding that the byte path uses, looked up in this one place: the request class of
 * a write, and the words in which a handle tells what became of a read or a write. Undefined where a release hides them.
 */

/** What Node calls `WriteWrap`: one write that the kernel did not take at once. */
export interface WriteRequest {
  oncomplete?: (this: this, status: number) => void;
}

export interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  readonly streamBaseState: ArrayLike<number>;
  /** Indexes into `streamBaseState`. */
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

/** What the binding calls with `this`. */
export interface StreamHandle {
  onread?: ReadCallback;
  useUserBuffer?(buffer: Uint8Array): void;
  writeBuffer?(request: WriteRequest, chunk: Buffer): number;
}

/** The argument is the buffer that was read into, where it is not the user's. */
export type ReadCallback = (this: StreamHandle, buffer: ArrayBuffer | undefined) => void;

export function findStreamBinding(): StreamBinding | undefined {
  const { binding } = process as { readonly binding?: (name: string) => Partial<StreamBinding> };
  try {
    const found = binding?.call(process, "stream_wrap");
    const known =
      typeof found?.WriteWrap === "function" &&
      typeof found.streamBaseState === "object" &&
      typeof found.kReadBytesOrError === "number" &&
      typeof found.kLastWriteWasAsync === "number";
    return known ? (found as StreamBinding) : undefined;
  } catch {
    return undefined;
  }
}
