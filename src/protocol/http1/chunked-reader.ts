/**
 * Byte gear. The chunked transfer coding (RFC 9112 7.1), strictly: `size[;ext] CRLF data CRLF … 0[;ext] CRLF trailers CRLF`.
 *
 *   size ──;──> ext ──CR──> sizeLf ──LF──> data ──> dataCr ──> dataLf ──> size
 *     └────────────CR─────────┘ └── size 0 ──> trailers ──> done
 *
 * Extensions are checked and dropped: the writer frames anew, so no framing byte of a peer is ever copied.
 */
import type { HeaderList, MessageReader } from "../exchange.ts";
import { isValueByte } from "./characters.ts";
import { badMessage, type Fault, needMore, refused } from "./fault.ts";
import { HeadScanner } from "./head-scanner.ts";
import { HeaderBlock } from "./header-block.ts";
import { HeldBytes } from "./held-bytes.ts";
import type { Http1Limits } from "./limits.ts";

const inSize = 0;
const inExtension = 1;
const inQuotes = 2;
const inEscape = 3;
const wantSizeLf = 4;
const inData = 5;
const wantDataCr = 6;
const wantDataLf = 7;
const inTrailers = 8;

const lf = 0x0a;
const cr = 0x0d;
const quote = 0x22;
const semicolon = 0x3b;
const backslash = 0x5c;
/** 13 hexadecimal digits are 52 bits, the most that a double holds exactly with room to count. */
const mostSizeDigits = 13;
/** Data of larger chunks is handed on by itself: it would cost more to move. */
const movedBytes = 4_096;
/** Below, a loop is done before a call would have begun. */
const loopedBytes = 32;
const nothing = Buffer.alloc(0);

/** These would change how the message was framed or routed, after it was (RFC 9110 6.5.1). */
const forbiddenTrailers: ReadonlySet<string> = new Set(["content-length", "host", "te", "expect"]);

export class ChunkedReader {
  fault: Fault | undefined;
  done = false;
  /** Body bytes given to the reader by the newest call. */
  delivered = 0;
  readonly #limits: Http1Limits;
  #state = inSize;
  #size = 0;
  #digits = 0;
  #extensionBytes = 0;
  #trailers: HeldBytes | undefined;
  #scanner: HeadScanner | undefined;
  /** Data of this read that was not handed on yet. */
  #dataFrom = 0;
  #dataTo = 0;

  constructor(limits: Http1Limits) {
    this.#limits = limits;
  }

  begin(): void {
    this.fault = undefined;
    this.done = false;
    this.#state = inSize;
    this.#size = 0;
    this.#digits = 0;
    this.#extensionBytes = 0;
    this.#trailers = undefined;
    this.#scanner = undefined;
  }

  /**
   * Hands data and trailers on; gives the position behind what was read, or `refused`. Data of small chunks is moved together
   * over the framing between, in the buffer itself, so that a read of many chunks is handed on as one.
   */
  read(buffer: Buffer, from: number, to: number, reader: MessageReader<unknown>): number {
    this.delivered = 0;
    this.#dataFrom = 0;
    this.#dataTo = 0;
    let at = from;
    while (at < to && !this.done) {
      if (this.#state === inData) at = this.#readData(buffer, at, to, reader);
      else if (this.#state === inTrailers) at = this.#readTrailers(buffer, at, to, reader);
      else {
        const wrong = this.#step(buffer[at] as number);
        if (wrong !== undefined) {
          this.fault = badMessage(wrong);
          return refused;
        }
        at += 1;
      }
      if (at === refused) return refused;
    }
    if (this.#dataTo > this.#dataFrom) this.#handOn(buffer, reader, false);
    return at;
  }

  #readData(buffer: Buffer, at: number, to: number, reader: MessageReader<unknown>): number {
    const end = Math.min(to, at + this.#size);
    const length = end - at;
    this.#size -= length;
    this.delivered += length;
    if (this.#size === 0) this.#state = wantDataCr;
    const isGathered = this.#dataTo > this.#dataFrom;
    if (isGathered && length <= movedBytes) {
      move(buffer, this.#dataTo, at, end);
      this.#dataTo += length;
      return end;
    }
    if (isGathered) this.#handOn(buffer, reader, false);
    this.#dataFrom = at;
    this.#dataTo = end;
    return end;
  }

  #handOn(buffer: Buffer, reader: MessageReader<unknown>, isLast: boolean): void {
    const data = buffer.subarray(this.#dataFrom, this.#dataTo);
    this.#dataFrom = 0;
    this.#dataTo = 0;
    reader.onData(data, isLast);
  }

  #end(buffer: Buffer, reader: MessageReader<unknown>): void {
    this.done = true;
    this.#handOn(buffer, reader, true);
  }

  /** One byte of framing; gives what is wrong with it. */
  #step(byte: number): string | undefined {
    switch (this.#state) {
      case inSize:
        return this.#stepSize(byte);
      case inExtension:
      case inQuotes:
      case inEscape:
        return this.#stepExtension(byte);
      case wantSizeLf:
        if (byte !== lf) return "chunk size line that ends without LF";
        this.#state = this.#size === 0 ? inTrailers : inData;
        this.#digits = 0;
        return undefined;
      case wantDataCr:
        if (byte !== cr) return "chunk longer than its size";
        this.#state = wantDataLf;
        return undefined;
      default:
        if (byte !== lf) return "chunk that ends without LF";
        this.#state = inSize;
        return undefined;
    }
  }

  #stepSize(byte: number): string | undefined {
    const digit = hexDigit(byte);
    if (digit !== -1) {
      this.#digits += 1;
      if (this.#digits > mostSizeDigits) return "chunk size too large";
      this.#size = this.#size * 16 + digit;
      return undefined;
    }
    if (this.#digits === 0) return "chunk size that is not a hexadecimal number";
    if (byte === cr) this.#state = wantSizeLf;
    else if (byte === semicolon) this.#state = inExtension;
    else return "chunk size that is not a hexadecimal number";
    return undefined;
  }

  #stepExtension(byte: number): string | undefined {
    this.#extensionBytes += 1;
    if (this.#extensionBytes > this.#limits.extensionBytes) return "too many chunk extensions";
    if (byte === cr) {
      if (this.#state !== inExtension) return "chunk extension with an open quotation";
      this.#state = wantSizeLf;
      return undefined;
    }
    if (isValueByte[byte] !== 1) return "chunk extension with a character that is not allowed";
    if (this.#state === inEscape) this.#state = inQuotes;
    else if (byte === quote) this.#state = this.#state === inQuotes ? inExtension : inQuotes;
    else if (byte === backslash && this.#state === inQuotes) this.#state = inEscape;
    return undefined;
  }

  #readTrailers(buffer: Buffer, at: number, to: number, reader: MessageReader<unknown>): number {
    const held = this.#trailers;
    if (held === undefined && to - at >= 2 && buffer[at] === cr && buffer[at + 1] === lf) {
      this.#end(buffer, reader);
      return at + 2;
    }
    if (this.#dataTo > this.#dataFrom) this.#handOn(buffer, reader, false);
    const all = held ?? new HeldBytes();
    this.#trailers = all;
    const before = all.size;
    all.append(buffer.subarray(at, Math.min(to, at + this.#limits.trailerBytes + 1)), 0);
    const end = this.#parseTrailers(all, reader);
    if (end === refused) return refused;
    if (end === needMore) return to;
    return at + end - before;
  }

  #parseTrailers(held: HeldBytes, reader: MessageReader<unknown>): number {
    const { buffer, size } = held;
    if (size === 1 && buffer[0] === cr) return needMore;
    if (buffer[0] === cr && buffer[1] === lf) {
      this.done = true;
      reader.onData(nothing, true);
      return 2;
    }
    this.#scanner ??= new HeadScanner();
    if (!this.#scanner.findEnd(buffer, 0, size)) {
      if (size > this.#limits.trailerBytes) return this.#refuse("trailer section too large");
      return this.#scanner.fault === undefined ? needMore : this.#refuse("bad trailer section");
    }
    const block = new HeaderBlock(this.#limits.headerLines);
    const end = block.read(buffer, 0, size);
    if (end === refused) return this.#refuse(`trailers: ${block.fault?.detail ?? ""}`);
    if (
      block.facts.host !== undefined ||
      block.facts.chunked ||
      hasForbidden(block.facts.headers)
    ) {
      return this.#refuse("framing or routing header among the trailers");
    }
    this.done = true;
    if (block.facts.headers.length === 0) reader.onData(nothing, true);
    else reader.onTrailers(block.facts.headers);
    return end;
  }

  #refuse(detail: string): number {
    this.fault = badMessage(detail);
    return refused;
  }
}

function move(buffer: Buffer, target: number, from: number, to: number): void {
  if (to - from > loopedBytes) {
    buffer.copyWithin(target, from, to);
    return;
  }
  for (let at = from; at < to; at += 1) buffer[target + at - from] = buffer[at] as number;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function hasForbidden(headers: HeaderList): boolean {
  return headers.some((text, at) => at % 2 === 0 && forbiddenTrailers.has(text));
}
