/** Byte gear. Text from bytes without the argument checks of Buffer, which cost more than the copy. */

/** In every Node release since 0.x, but not in the type package. */
interface Latin1Buffer extends Buffer {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, at: number, length: number): number;
}

/** The bytes `[start, end)` as one character each. */
export function latin1Slice(buffer: Buffer, start: number, end: number): string {
  return (buffer as Latin1Buffer).latin1Slice(start, end);
}

/** Writes the low byte of each character; the caller has made room and checked the characters. */
export function latin1Write(buffer: Buffer, text: string, at: number): void {
  (buffer as Latin1Buffer).latin1Write(text, at, text.length);
}
