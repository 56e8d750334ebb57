/**
 * Byte gear. Bytes that we do not parse, presented as a CONNECT exchange: the head names where they go, data is data,
 * and the end of a direction is a FIN. So a TCP connection takes the same way through the proxy as a request does.
 */
import type {
  Engine,
  EngineHost,
  HeaderList,
  MessageReader,
  MessageWriter,
  RequestAcceptor,
  RequestHead,
  RequestOpener,
  Reset,
  ResponseHead,
} from "./exchange.ts";
import { ReadingGate } from "./reading-gate.ts";

/** Bytes that may be on their way through us in one direction of one connection: fills a fast local pipe. */
const windowBytes = 256 * 1024;

const noHeaders: HeaderList = [];

/** A client that sends bytes of an unknown protocol: its connection is one CONNECT request, open from the start. */
export function createOpaqueServer(
  host: EngineHost,
  acceptor: RequestAcceptor,
  authority: string,
): Engine {
  const pipe = new OpaquePipe(host);
  const head: RequestHead = {
    method: "CONNECT",
    scheme: "",
    authority,
    path: "",
    protocol: "",
    headers: noHeaders,
    version: 11,
  };
  pipe.reader = acceptor.onRequest(head, false, pipe);
  return pipe;
}

/** A server that is spoken to in an unknown protocol: it takes one exchange, and answers 200 at once. */
export function createOpaqueClient(host: EngineHost): Engine & RequestOpener {
  return new OpaqueClient(host);
}

class OpaquePipe implements Engine, MessageWriter<ResponseHead> {
  reader: MessageReader<RequestHead> | MessageReader<ResponseHead> | undefined;
  readonly host: EngineHost;
  /** Bytes received and not yet granted back. */
  #outstanding = 0;
  readonly #gate: ReadingGate;
  #unflushed = 0;
  #received = false;
  #sent = false;
  #over = false;

  constructor(host: EngineHost) {
    this.host = host;
    this.#gate = new ReadingGate(host, windowBytes);
  }

  get active(): number {
    return this.reader === undefined || this.#over ? 0 : 1;
  }

  receive(chunk: Buffer): void {
    if (this.#over) return;
    this.#outstanding += chunk.length;
    this.reader?.onData(chunk, false);
    this.#gate.update(this.#outstanding);
  }

  receiveEnd(): void {
    if (this.#over || this.#received) return;
    this.#received = true;
    this.reader?.onData(nothing, true);
    this.#settle();
  }

  /** A refusal is a reset: the client must not take it for a server that had nothing to say. */
  head(head: ResponseHead, end: boolean): void {
    if (head.status >= 300) this.reset(refused);
    else if (end) this.data(nothing, true);
  }

  data(chunk: Uint8Array, end: boolean): void {
    if (this.#over || this.#sent) return;
    if (chunk.length > 0) {
      this.host.out.append(chunk);
      this.#unflushed += chunk.length;
      this.host.wantFlush();
    }
    if (!end) return;
    this.#sent = true;
    this.host.finish();
    this.#settle();
  }

  /** TCP has no trailers: the direction ends. */
  trailers(): void {
    this.data(nothing, true);
  }

  reset(reset: Reset): void {
    if (this.#over) return;
    this.#over = true;
    this.host.close(reset);
  }

  grant(bytes: number): void {
    this.#outstanding -= bytes;
    this.#gate.update(this.#outstanding);
  }

  flushed(): void {
    if (this.#unflushed === 0) return;
    const bytes = this.#unflushed;
    this.#unflushed = 0;
    if (!this.#over || this.#sent) this.reader?.onCredit(bytes);
  }

  closed(reset: Reset): void {
    if (this.#over) return;
    this.#over = true;
    this.reader?.onReset(reset);
  }

  tick(): void {}

  /** An opaque connection cannot be told to go, unless nobody has used it. */
  drain(): void {
    if (this.reader === undefined) this.host.close(undefined);
  }

  #settle(): void {
    if (this.#received && this.#sent) this.#over = true;
  }
}

class OpaqueClient extends OpaquePipe implements RequestOpener {
  get capacity(): number {
    return this.reader === undefined ? 1 : 0;
  }

  open(
    _head: RequestHead,
    end: boolean,
    response: MessageReader<ResponseHead>,
  ): MessageWriter<RequestHead> {
    this.reader = response;
    response.onHead({ status: 200, headers: [] }, false);
    if (end) this.data(nothing, true);
    return this as unknown as MessageWriter<RequestHead>;
  }
}

const refused: Reset = {
  code: "connect_refused",
  http2Code: 0xa,
  detail: "no connection to the server",
  unprocessed: false,
};

const nothing = Buffer.alloc(0);
