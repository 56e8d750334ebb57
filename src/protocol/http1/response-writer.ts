/** Byte gear. What a server writes: response heads, their bodies, and its own refusals (RFC 9112 4, 6.3 and 9.3). */
import type { ByteWriter } from "../byte-writer.ts";
import type { HeaderList, ResponseHead } from "../exchange.ts";
import { BodyWriter } from "./body-writer.ts";
import type { Fault } from "./fault.ts";
import { HeadWriter } from "./head-writer.ts";
import { statusLine } from "./status-line.ts";

/** What the request and the connection say about how a response is to be framed. */
export interface ResponseContext {
  readonly method: string;
  /** 10 or 11. */
  readonly version: number;
  readonly keepAlive: boolean;
  /** 2xx to CONNECT: no framing at all (RFC 9110 9.3.6). */
  readonly isTunnel: boolean;
}

export class ResponseWriter {
  /** Of the newest final head: whether the connection may serve another request. */
  keepAlive = true;
  readonly #head: HeadWriter;
  readonly #body: BodyWriter;
  readonly #out: ByteWriter;

  constructor(out: ByteWriter) {
    this.#out = out;
    this.#head = new HeadWriter(out);
    this.#body = new BodyWriter(out);
  }

  /** Gives the bytes written, or 0 when the head is not fit to be written. `protocol` is for 101 only. */
  writeInterim(head: ResponseHead, protocol: string): number {
    const writer = this.#head;
    if (!(head.status >= 100) || !Number.isInteger(head.status)) return 0;
    writer.start();
    writer.fixed(statusLine(head.status));
    if (protocol !== "") {
      writer.fixed("connection: upgrade\r\nupgrade: ");
      writer.target(protocol);
      writer.fixed("\r\n");
      this.#body.beginAsItIs();
    }
    writer.lines(head.headers, true);
    writer.fixed("\r\n");
    return writer.finish();
  }

  /** Gives the bytes written, or 0 when the head is not fit to be written. */
  writeFinal(head: ResponseHead, end: boolean, context: ResponseContext): number {
    const { status } = head;
    if (!(status >= 200 && status <= 999) || !Number.isInteger(status)) return 0;
    const writer = this.#head;
    writer.start();
    writer.fixed(statusLine(status));
    writer.lines(head.headers, status === 204 || context.isTunnel);
    this.keepAlive = context.keepAlive;
    if (context.isTunnel) this.#body.beginAsItIs();
    else this.#frame(status, end, context);
    if (!context.isTunnel) this.#connectionLine(context.version);
    writer.fixed("\r\n");
    return writer.finish();
  }

  /** Gives false when the body does not have the announced length. */
  writeBody(chunk: Uint8Array, end: boolean): boolean {
    return this.#body.write(chunk, end);
  }

  writeTrailers(headers: HeaderList): boolean {
    return this.#body.writeTrailers(headers, this.#head);
  }

  /** A refusal of our own, always the last response; the detail stands in Proxy-Status (RFC 9209). */
  writeFault(fault: Fault): number {
    const before = this.#out.length;
    this.#out.appendLatin1(
      `${statusLine(fault.status)}proxy-status: remora; error=http_request_error; ` +
        `details="${fault.detail}"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
    );
    return this.#out.length - before;
  }

  #frame(status: number, end: boolean, context: ResponseContext): void {
    const writer = this.#head;
    const bodiless = context.method === "HEAD" || status === 204 || status === 304;
    if (bodiless) this.#body.beginDropped();
    else if (writer.contentLength !== -1) {
      this.#body.beginLength(writer.contentLength);
      if (end && writer.contentLength !== 0) writer.spoil();
    } else if (end) {
      this.#body.beginLength(0);
      writer.fixed("content-length: 0\r\n");
    } else if (context.version === 11) {
      this.#body.beginChunked();
      writer.fixed("transfer-encoding: chunked\r\n");
    } else {
      this.#body.beginAsItIs();
      this.keepAlive = false;
    }
  }

  #connectionLine(version: number): void {
    if (!this.keepAlive) this.#head.fixed("connection: close\r\n");
    else if (version === 10) this.#head.fixed("connection: keep-alive\r\n");
  }
}
