/** Byte gear. The header lines that a connection wrote last: the same list again is one copy of its bytes. */
import type { HeaderList } from "../exchange.ts";

/** Larger blocks are not kept: an idle connection should not hold them. */
const rememberedBytes = 2_048;
const rememberedStrings = 64;
const none: HeaderList = [];
const noBytes = Buffer.alloc(0);

export class WrittenBlock {
  /** Of the remembered lines: -1 where there was no content-length. */
  contentLength = -1;
  hasTe = false;
  #headers: HeaderList = none;
  #droppedLength = false;
  #bytes: Buffer | undefined;
  /** What is remembered, a part of `#bytes`. */
  #view: Buffer = noBytes;
  #isSecond = false;

  /** Copies the remembered bytes to `at` if they say exactly these lines; gives their number, or -1. */
  copyTo(buffer: Buffer, at: number, headers: HeaderList, dropLength: boolean): number {
    const remembered = this.#headers;
    if (remembered.length !== headers.length || remembered.length === 0) return -1;
    if (dropLength !== this.#droppedLength) return -1;
    for (let index = 0; index < headers.length; index += 1) {
      if (headers[index] !== remembered[index]) return -1;
    }
    buffer.set(this.#view, at);
    return this.#view.length;
  }

  /** Whether this string stood at this place, so that its characters were checked. */
  has(index: number, text: string): boolean {
    return this.#headers[index] === text;
  }

  /** Keeps lines that were found fit to be written, from the second head on: many connections have only one. */
  remember(
    headers: HeaderList,
    dropLength: boolean,
    buffer: Buffer,
    from: number,
    to: number,
  ): void {
    const size = to - from;
    if (!this.#isSecond || size > rememberedBytes || headers.length > rememberedStrings) {
      this.#isSecond = true;
      this.#headers = none;
      return;
    }
    if (this.#bytes === undefined || this.#bytes.length < size) {
      this.#bytes = Buffer.allocUnsafeSlow((size + 255) & ~255);
    }
    this.#view = this.#bytes.subarray(0, buffer.copy(this.#bytes, 0, from, to));
    this.#headers = headers.slice();
    this.#droppedLength = dropLength;
  }
}
