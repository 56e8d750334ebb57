/** Byte gear. A response head from bytes (RFC 9112 4 and 6.3). */

import { isValueByte } from "./characters.ts";
import { badMessage, type Fault, needMore, refused } from "./fault.ts";
import { HeadScanner } from "./head-scanner.ts";
import { HeaderBlock } from "./header-block.ts";
import type { HeaderFacts } from "./header-facts.ts";
import { latin1Slice } from "./latin1.ts";
import type { Http1Limits } from "./limits.ts";
import { isHttp1Prefix } from "./request-line.ts";

const lf = 0x0a;
const cr = 0x0d;
const space = 0x20;
/** `HTTP/1.1 200` and the byte behind it. */
const shortestLine = 13;
/** Reason phrases are a courtesy; none of the registered ones comes near. */
const longestReason = 512;

export class ResponseHeadReader {
  fault: Fault | undefined;
  status = 0;
  /** 10 or 11. */
  version = 0;
  readonly #block: HeaderBlock;
  readonly #scanner = new HeadScanner();
  readonly #maxHead: number;

  constructor(limits: Http1Limits) {
    this.#block = new HeaderBlock(limits.headerLines);
    this.#maxHead = limits.headBytes;
  }

  /** What the header lines of the newest head say. */
  get facts(): HeaderFacts {
    return this.#block.facts;
  }

  /** Gives the position behind the head, `needMore` or `refused`; called again with more from the same `from`. */
  read(buffer: Buffer, from: number, to: number): number {
    const scanner = this.#scanner;
    if (scanner.scanned > 0 && !scanner.findEnd(buffer, from, to)) {
      return this.#stillIncomplete(buffer, from, to);
    }
    const lineEnd = this.#readLine(buffer, from, to);
    if (lineEnd === refused) return refused;
    const end = lineEnd === needMore ? needMore : this.#block.read(buffer, lineEnd, to);
    if (end === refused) return this.#refuse(this.#block.fault);
    if (end === needMore) {
      if (scanner.scanned === 0) scanner.findEnd(buffer, from, to);
      return this.#stillIncomplete(buffer, from, to);
    }
    scanner.reset();
    if (end - from > this.#maxHead) return this.#refuse(headTooLarge);
    if (this.version === 10 && this.facts.chunked) {
      return this.#refuse(badMessage("transfer-encoding in HTTP/1.0"));
    }
    return end;
  }

  #stillIncomplete(buffer: Buffer, from: number, to: number): number {
    const scanner = this.#scanner;
    if (scanner.fault !== undefined) return this.#refuse(scanner.fault);
    if (!scanner.sawLine && this.#readLine(buffer, from, to) === refused) return refused;
    return to - from > this.#maxHead ? this.#refuse(headTooLarge) : needMore;
  }

  #readLine(buffer: Buffer, from: number, to: number): number {
    if (to - from < shortestLine) {
      const begun = latin1Slice(buffer, from, Math.min(to, from + 7));
      if ("HTTP/1.".startsWith(begun)) return needMore;
      return this.#refuse(badMessage("status line that does not begin with HTTP/1.x"));
    }
    const minor = buffer[from + 7];
    const isHttp1 = isHttp1Prefix(buffer, from) && (minor === 0x30 || minor === 0x31);
    if (!isHttp1 || buffer[from + 8] !== space) {
      return this.#refuse(badMessage("status line that does not begin with HTTP/1.x"));
    }
    const status = readStatus(buffer, from + 9);
    if (status < 100) return this.#refuse(badMessage("status that is not three digits"));
    let at = from + 12;
    // The space before an empty reason is often forgotten (RFC 9112 4 asks for it); the reading is the same.
    if (buffer[at] === space) {
      const limit = Math.min(to, at + longestReason);
      at += 1;
      while (at < limit && isValueByte[buffer[at] as number] === 1) at += 1;
    }
    if (at === to || (at + 1 === to && buffer[at] === cr)) return needMore;
    if (buffer[at] !== cr || buffer[at + 1] !== lf) {
      return this.#refuse(badMessage("status line that does not end properly"));
    }
    this.status = status;
    this.version = minor === 0x31 ? 11 : 10;
    return at + 2;
  }

  #refuse(fault: Fault | undefined): number {
    this.fault = fault;
    this.#scanner.reset();
    return refused;
  }
}

const headTooLarge: Fault = { status: 431, detail: "response head too large" };

function readStatus(buffer: Buffer, at: number): number {
  let status = 0;
  for (let index = at; index < at + 3; index += 1) {
    const digit = (buffer[index] as number) - 0x30;
    if (digit < 0 || digit > 9) return 0;
    status = status * 10 + digit;
  }
  return status;
}
