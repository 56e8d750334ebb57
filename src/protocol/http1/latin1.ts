/** Byte gear. Text from bytes without the argument checks of `Buffer.toString`, which cost more than the copy. */

interface SliceableBuffer extends Buffer {
  /** In every Node release since 0.x, but not in the type package. */
  latin1Slice(start: number, end: number): string;
}

/** The bytes `[start, end)` as one character each. */
export function latin1Slice(buffer: Buffer, start: number, end: number): string {
  return (buffer as SliceableBuffer).latin1Slice(start, end);
}
