/**
 * Byte gear. Writes heads and trailer lines straight into the output, checking every character on the way: what comes
 * from HTTP/2 may hold bytes that would end a line here, and none of them may get out (CWE-113).
 */
import type { ByteWriter } from "../byte-writer.ts";
import type { HeaderList } from "../exchange.ts";
import { isTargetByte, isTokenByte, isValueByte } from "./characters.ts";
import { parseContentLength } from "./header-facts.ts";
import { isUsualName } from "./header-names.ts";
import { latin1Write } from "./latin1.ts";
import { WrittenBlock } from "./written-block.ts";

/** Names that only the engine itself may write: they frame the message or belong to the connection. */
const reservedNames: ReadonlySet<string> = new Set([
  "host",
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "content_length",
  "transfer_encoding",
]);
/** Lengths of the reserved names and of content-length, so that other names are passed over by one look. */
const watchedLengths: Uint8Array = new Uint8Array(32);
for (const name of [...reservedNames, "content-length", "te"]) watchedLengths[name.length] = 1;

export class HeadWriter {
  /** Of the lines last written: -1 where there was no content-length. */
  contentLength = -1;
  /** Of the lines last written: whether `te` was among them, which Connection must then list (RFC 9110 10.1.4). */
  hasTe = false;
  readonly #out: ByteWriter;
  readonly #written = new WrittenBlock();
  #begin = 0;
  #at = 0;
  #sound = true;

  constructor(out: ByteWriter) {
    this.#out = out;
  }

  /** Starts a head; nothing counts as written until `finish` says that all of it was sound. */
  start(): void {
    this.#begin = this.#out.length;
    this.#at = this.#begin;
    this.#sound = true;
    this.contentLength = -1;
    this.hasTe = false;
  }

  /** Gives the number of bytes written, or 0 when something was not fit to be written and nothing was. */
  finish(): number {
    if (!this.#sound) {
      this.#out.length = this.#begin;
      return 0;
    }
    this.#out.length = this.#at;
    return this.#at - this.#begin;
  }

  /** Makes `finish` give up: the head contradicts itself. */
  spoil(): void {
    this.#sound = false;
  }

  /** Text of our own making. */
  fixed(text: string): void {
    this.#reserve(text.length);
    const buffer = this.#out.buffer;
    let at = this.#at;
    for (let index = 0; index < text.length; index += 1) buffer[at++] = text.charCodeAt(index);
    this.#at = at;
  }

  /** A method. */
  token(text: string): void {
    this.#checked(text, isTokenByte);
    if (text.length === 0) this.#sound = false;
  }

  /** A request target or an authority. */
  target(text: string): void {
    this.#checked(text, isTargetByte);
  }

  /** Header lines. With `dropLength` the content-length is read but not written. */
  lines(headers: HeaderList, dropLength: boolean): void {
    let size = 0;
    for (let index = 0; index < headers.length; index += 1) {
      size += (headers[index] as string).length + 2;
    }
    this.#reserve(size);
    const written = this.#written;
    const copied = written.copyTo(this.#out.buffer, this.#at, headers, dropLength);
    if (copied !== -1) {
      this.#at += copied;
      this.contentLength = written.contentLength;
      this.hasTe = written.hasTe;
      return;
    }
    const wasSound = this.#sound;
    const from = this.#at;
    const text = this.#joinLines(headers, dropLength);
    latin1Write(this.#out.buffer, text, from);
    this.#at += text.length;
    if (!wasSound || !this.#sound) return;
    written.contentLength = this.contentLength;
    written.hasTe = this.hasTe;
    written.remember(headers, dropLength, this.#out.buffer, from, this.#at);
  }

  /** One text for all lines, because one write of it costs less than many small ones. */
  #joinLines(headers: HeaderList, dropLength: boolean): string {
    const written = this.#written;
    let text = "";
    for (let index = 0; index < headers.length; index += 2) {
      const name = headers[index] as string;
      const value = headers[index + 1] as string;
      if (name.length < 32 && watchedLengths[name.length] === 1) {
        if (reservedNames.has(name)) this.#sound = false;
        else if (name === "te") this.hasTe = true;
        else if (name === "content-length") {
          const known = this.contentLength !== -1;
          this.#takeLength(value);
          if (known || dropLength) continue;
        }
      }
      if (!written.has(index, name)) this.#checkName(name);
      if (!written.has(index + 1, value)) this.#check(value, isValueByte);
      text += `${name}: ${value}\r\n`;
    }
    return text;
  }

  #takeLength(value: string): void {
    const length = parseContentLength(value);
    if (length === -1 || (this.contentLength !== -1 && this.contentLength !== length)) {
      this.#sound = false;
    }
    this.contentLength = length;
  }

  #checkName(name: string): void {
    if (name.length === 0) this.#sound = false;
    else if (!isUsualName(name)) this.#check(name, isTokenByte);
  }

  /** Characters above U+00FF are outside the tables: `undefined` becomes 0 here. */
  #check(text: string, table: Uint8Array): void {
    let valid = 1;
    for (let index = 0; index < text.length; index += 1) {
      valid &= table[text.charCodeAt(index)] as number;
    }
    if (valid !== 1) this.#sound = false;
  }

  #checked(text: string, table: Uint8Array): void {
    this.#reserve(text.length);
    const buffer = this.#out.buffer;
    let at = this.#at;
    for (let index = 0; index < text.length; index += 1) {
      const character = text.charCodeAt(index);
      if (table[character] !== 1) this.#sound = false;
      buffer[at++] = character;
    }
    this.#at = at;
  }

  /** `reserve` copies the bytes below `length` only, so the length has to include what is half written. */
  #reserve(bytes: number): void {
    this.#out.length = this.#at;
    this.#out.reserve(bytes);
  }
}
