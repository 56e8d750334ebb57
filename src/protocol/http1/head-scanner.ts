/** Byte gear. Looks at a head that arrives in pieces, each byte once, for its end and for what can never be a head. */
import { badMessage, type Fault } from "./fault.ts";

const lf = 0x0a;
const cr = 0x0d;
const htab = 0x09;

export class HeadScanner {
  fault: Fault | undefined;
  /** Bytes of the incomplete head that were already looked at; 0 between heads. */
  scanned = 0;
  #sawLine = false;

  /** Whether the head that begins at `from` ends before `to`; when not, `fault` may say that it never will. */
  findEnd(buffer: Buffer, from: number, to: number): boolean {
    for (let at = from + this.scanned; at < to; at += 1) {
      const byte = buffer[at] as number;
      if (byte >= 0x20 && byte !== 0x7f) continue;
      if (byte === lf) {
        if (at === from || buffer[at - 1] !== cr) return this.#refuse("line that ends without CR");
        this.#sawLine = true;
        if (at - from >= 3 && buffer[at - 2] === lf) return true;
      } else if (byte !== cr && byte !== htab) return this.#refuse("control character in the head");
    }
    this.scanned = to - from;
    return false;
  }

  /** Whether the first line of the incomplete head is complete. */
  get sawLine(): boolean {
    return this.#sawLine;
  }

  reset(): void {
    this.scanned = 0;
    this.#sawLine = false;
  }

  #refuse(detail: string): boolean {
    this.fault = badMessage(detail);
    return false;
  }
}
