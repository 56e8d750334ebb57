/** Byte gear. What a client writes: request heads and their bodies (RFC 9112 3.2 and 6.3). */
import type { ByteWriter } from "../byte-writer.ts";
import type { HeaderList, RequestHead } from "../exchange.ts";
import { BodyWriter } from "./body-writer.ts";
import { HeadWriter } from "./head-writer.ts";

export class RequestWriter {
  readonly #head: HeadWriter;
  readonly #body: BodyWriter;

  constructor(out: ByteWriter) {
    this.#head = new HeadWriter(out);
    this.#body = new BodyWriter(out);
  }

  /** Gives the bytes written, or 0 when the head is not fit to be written. */
  writeHead(head: RequestHead, end: boolean): number {
    const writer = this.#head;
    const isConnect = head.method === "CONNECT";
    const target = isConnect && head.protocol === "" ? head.authority : head.path;
    writer.start();
    writer.token(isConnect && head.protocol !== "" ? "GET" : head.method);
    writer.fixed(" ");
    writer.target(target);
    if (target === "") writer.spoil();
    writer.fixed(" HTTP/1.1\r\nhost: ");
    writer.target(head.authority);
    writer.fixed("\r\n");
    writer.lines(head.headers, isConnect);
    if (isConnect || head.protocol !== "") this.#body.beginAsItIs();
    else this.#frame(head.method, end);
    this.#connectionLines(head.protocol);
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

  #frame(method: string, end: boolean): void {
    const writer = this.#head;
    if (writer.contentLength !== -1) {
      this.#body.beginLength(writer.contentLength);
      if (end && writer.contentLength !== 0) writer.spoil();
    } else if (end) {
      this.#body.beginLength(0);
      // RFC 9110 8.6: said where a body is expected, left out where it is not.
      if (method === "POST" || method === "PUT" || method === "PATCH") {
        writer.fixed("content-length: 0\r\n");
      }
    } else {
      this.#body.beginChunked();
      writer.fixed("transfer-encoding: chunked\r\n");
    }
  }

  #connectionLines(protocol: string): void {
    const writer = this.#head;
    if (protocol !== "") {
      writer.fixed(writer.hasTe ? "connection: te, upgrade\r\nupgrade: " : upgradeLines);
      writer.target(protocol);
      writer.fixed("\r\n");
    } else if (writer.hasTe) writer.fixed("connection: te\r\n");
  }
}

const upgradeLines = "connection: upgrade\r\nupgrade: ";
