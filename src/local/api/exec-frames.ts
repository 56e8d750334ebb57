/**
 * The stream of `exec`: both directions are frames of one kind byte, four bytes of length (big-endian) and the payload.
 * An empty frame of standard input is its end.
 */

/** To the mesh: `stdin`, `signal` (its name). From the mesh: `stdout`, `stderr`, `exit` (the code as text), `failure`. */
export type FrameKind = "stdin" | "signal" | "stdout" | "stderr" | "exit" | "failure";

export interface Frame {
  readonly kind: FrameKind;
  readonly payload: Buffer;
}

const kinds: readonly FrameKind[] = ["stdin", "signal", "stdout", "stderr", "exit", "failure"];
const headBytes = 5;
/** Far above the size of a pipe's chunk; a longer frame is no frame. */
const maxPayload = 1024 * 1024;

export function encodeFrame(kind: FrameKind, payload: string | Uint8Array = ""): Buffer {
  const body = Buffer.from(payload as Uint8Array);
  const head = Buffer.alloc(headBytes);
  head.writeUInt8(kinds.indexOf(kind));
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

/** Gives a function that takes chunks and calls back for each whole frame; it throws on bytes that are no frame. */
export function createFrameReader(onFrame: (frame: Frame) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= headBytes) {
      const kind = kinds[rest.readUInt8()];
      const length = rest.readUInt32BE(1);
      if (kind === undefined || length > maxPayload) throw new Error("not a frame");
      if (rest.length < headBytes + length) return;
      const payload = rest.subarray(headBytes, headBytes + length);
      rest = rest.subarray(headBytes + length);
      onFrame({ kind, payload });
    }
  };
}
