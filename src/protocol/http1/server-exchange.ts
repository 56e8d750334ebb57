/** Byte gear. One exchange of a server connection: what its owner may write, in which order, and when it counts. */
import type {
  MessageReader,
  MessageWriter,
  RequestHead,
  Reset,
  ResponseHead,
} from "../exchange.ts";
import { brokenByOwner } from "./resets.ts";
import type { ResponseWriter } from "./response-writer.ts";

/** What an exchange asks of its connection. */
export interface ServerSide {
  readonly response: ResponseWriter;
  /** Whether no request can follow the current one. */
  readonly isLast: boolean;
  /** Whether calls of this exchange still count. */
  isCurrent(exchange: ServerExchange): boolean;
  wrote(bytes: number): void;
  granted(): void;
  /** Cuts the connection so that the client sees a truncated response. */
  abort(reset: Reset): void;
  /** The owner gave the exchange up. */
  resetByOwner(exchange: ServerExchange, reset: Reset): void;
  /** 101, or 2xx to CONNECT: from here on both directions are bytes. */
  openTunnel(): void;
  /** The protocol switch was refused, so the request had no more to say after its head. */
  refuseTunnel(exchange: ServerExchange): void;
  responseEnded(exchange: ServerExchange): void;
}

/** One request and its response; a token as well, so that late calls for an old exchange touch nothing. */
export class ServerExchange implements MessageWriter<ResponseHead> {
  reader: MessageReader<RequestHead> = deafReader;
  /** What ended the exchange before the acceptor had returned its reader. */
  missedReset: Reset | undefined;
  requestEnded = false;
  responseBegun = false;
  responseEnded = false;
  /** Upgrade or CONNECT: the request goes on as a tunnel if the response says so. */
  switches = false;
  keepAlive: boolean;
  sawBody = false;
  /** Request bytes that the owner has not granted. */
  ungranted = 0;
  /** Response bytes that have not left. */
  uncredited = 0;
  readonly #connection: ServerSide;
  readonly #method: string;
  readonly #version: number;
  readonly #protocol: string;
  #awaitsContinue: boolean;

  constructor(
    connection: ServerSide,
    head: RequestHead,
    keepAlive: boolean,
    expectsContinue: boolean,
  ) {
    this.#connection = connection;
    this.#method = head.method;
    this.#version = head.version;
    this.#protocol = head.protocol;
    this.keepAlive = keepAlive;
    this.#awaitsContinue = expectsContinue;
  }

  get #isOver(): boolean {
    return this.responseEnded || !this.#connection.isCurrent(this);
  }

  head(head: ResponseHead, end: boolean): void {
    if (this.#isOver || this.responseBegun) return;
    if (head.status < 200) this.#interim(head);
    else this.#final(head, end);
  }

  data(chunk: Uint8Array, end: boolean): void {
    if (this.#isOver || !this.responseBegun) return;
    if (!this.#connection.response.writeBody(chunk, end)) {
      this.#fail("response body of another length than announced");
      return;
    }
    this.uncredited += chunk.length;
    this.#connection.wrote(chunk.length);
    if (end) this.#connection.responseEnded(this);
  }

  trailers(headers: string[]): void {
    if (this.#isOver || !this.responseBegun) return;
    if (!this.#connection.response.writeTrailers(headers)) {
      this.#fail("trailers that cannot be written");
      return;
    }
    this.#connection.wrote(0);
    this.#connection.responseEnded(this);
  }

  reset(reset: Reset): void {
    if (this.#connection.isCurrent(this)) this.#connection.resetByOwner(this, reset);
  }

  grant(bytes: number): void {
    if (!this.#connection.isCurrent(this)) return;
    this.ungranted -= bytes;
    this.#connection.granted();
  }

  #interim(head: ResponseHead): void {
    if (head.status === 101) {
      this.#switchProtocols(head);
      return;
    }
    if (head.status === 100) this.#awaitsContinue = false;
    // RFC 9110 15.2: an HTTP/1.0 client does not know them.
    if (this.#version === 10) return;
    this.#write(this.#connection.response.writeInterim(head, ""));
  }

  #switchProtocols(head: ResponseHead): void {
    if (this.#protocol === "") {
      this.#fail("protocol switch that was not asked for");
      return;
    }
    if (this.#write(this.#connection.response.writeInterim(head, this.#protocol))) {
      this.responseBegun = true;
      this.#connection.openTunnel();
    }
  }

  #final(head: ResponseHead, end: boolean): void {
    const response = this.#connection.response;
    const isTunnel = this.#method === "CONNECT" && head.status < 300;
    if (this.#connection.isLast) this.keepAlive = false;
    // Whether the client still sends the body after a final answer is its choice: only closing is unambiguous
    // (RFC 9110 10.1.1).
    if (this.#awaitsContinue && !this.sawBody) this.keepAlive = false;
    const written = response.writeFinal(head, end, {
      method: this.#method,
      version: this.#version,
      keepAlive: this.keepAlive,
      isTunnel,
    });
    this.keepAlive = response.keepAlive;
    if (!this.#write(written)) return;
    this.responseBegun = true;
    if (isTunnel) this.#connection.openTunnel();
    else if (this.switches) this.#connection.refuseTunnel(this);
    if (end) this.#connection.responseEnded(this);
  }

  #write(bytes: number): boolean {
    if (bytes === 0) {
      this.#fail("response head that cannot be written");
      return false;
    }
    this.#connection.wrote(bytes);
    return true;
  }

  #fail(detail: string): void {
    this.#connection.abort(brokenByOwner(detail));
  }
}

/** Stands in until the acceptor has returned the real one. */
export const deafReader: MessageReader<RequestHead> = {
  onHead() {},
  onData() {},
  onTrailers() {},
  onReset() {},
  onCredit() {},
};
