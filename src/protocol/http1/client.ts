/**
 * Byte gear. The client side of one HTTP/1 connection (RFC 9112), without a socket: one exchange at a time.
 *
 *   idle ──open──> awaitingHead ──> inBody ──> idle …      back to idle only when both directions ended properly
 *                        └─ 101, 2xx to CONNECT ──> inTunnel
 *   any ── bad bytes, bytes nobody asked for, close, EOF ──> over
 */
import type { ByteWriter } from "../byte-writer.ts";
import type {
  Engine,
  EngineHost,
  MessageReader,
  MessageWriter,
  RequestHead,
  RequestOpener,
  Reset,
  ResponseHead,
} from "../exchange.ts";
import { ReadingGate } from "../reading-gate.ts";
import { BodyReader } from "./body-reader.ts";
import { ClientExchange, type ClientSide } from "./client-exchange.ts";
import { needMore, refused } from "./fault.ts";
import { HeldBytes } from "./held-bytes.ts";
import { defaultHttp1Limits, type Http1Limits } from "./limits.ts";
import { RequestWriter } from "./request-writer.ts";
import {
  answeredEarly,
  brokenByOwner,
  brokenByPeer,
  leftByServer,
  refusedRequest,
  resetLater,
} from "./resets.ts";
import { beginResponseBody, interimProblem, withoutLength } from "./response-framing.ts";
import { ResponseHeadReader } from "./response-head.ts";

/** Who pools the connection. */
export interface Http1ClientOwner {
  /** An exchange is over and the connection can carry another. May open one at once. */
  onIdle(): void;
  /** The connection will not take another exchange; said once, possibly while one is still running. */
  onUnusable(): void;
}

export interface Http1Client extends Engine, RequestOpener {
  /** No exchange is running and another may be opened. */
  readonly idle: boolean;
}

/** Makes the engine that sends requests and reads their responses. */
export function createHttp1Client(
  host: EngineHost,
  owner: Http1ClientOwner,
  limits: Http1Limits = defaultHttp1Limits,
): Http1Client {
  return new ClientConnection(host, owner, limits);
}

const isIdle = 0;
const awaitingHead = 1;
const inBody = 2;
/** The response is complete, the request is not. */
const uploading = 3;
const inTunnel = 4;
const over = 5;

const nothing = Buffer.alloc(0);

class ClientConnection implements Http1Client, ClientSide {
  readonly #host: EngineHost;
  readonly #owner: Http1ClientOwner;
  readonly #limits: Http1Limits;
  readonly #headReader: ResponseHeadReader;
  readonly #body: BodyReader;
  readonly #held = new HeldBytes();
  readonly request: RequestWriter;
  readonly out: ByteWriter;
  readonly #gate: ReadingGate;
  #state = isIdle;
  #exchange: ClientExchange | undefined;
  #draining = false;
  #unusable = false;
  #consuming = false;
  #becameIdle = false;

  constructor(host: EngineHost, owner: Http1ClientOwner, limits: Http1Limits) {
    this.#host = host;
    this.#owner = owner;
    this.#limits = limits;
    this.#headReader = new ResponseHeadReader(limits);
    this.#body = new BodyReader(limits);
    this.out = host.out;
    this.request = new RequestWriter(host.out);
    this.#gate = new ReadingGate(host, limits.window);
  }

  get active(): number {
    return this.#exchange === undefined ? 0 : 1;
  }

  get idle(): boolean {
    return this.#state === isIdle && !this.#unusable && !this.#consuming;
  }

  get isTunnel(): boolean {
    return this.#state === inTunnel;
  }

  get window(): number {
    return this.#limits.window;
  }

  get capacity(): number {
    return this.idle ? 1 : 0;
  }

  open(
    head: RequestHead,
    end: boolean,
    response: MessageReader<ResponseHead>,
  ): MessageWriter<RequestHead> {
    const exchange = new ClientExchange(this, head, end, response);
    if (!this.idle) {
      resetLater(response, refusedRequest);
      return exchange;
    }
    const bytes = this.request.writeHead(head, end);
    if (bytes === 0) {
      resetLater(response, brokenByOwner("request head that cannot be written"));
      return exchange;
    }
    this.#exchange = exchange;
    this.#state = awaitingHead;
    exchange.written = bytes;
    this.#host.wantFlush();
    return exchange;
  }

  receive(chunk: Buffer): void {
    const held = this.#held;
    this.#consuming = true;
    if (held.size === 0) {
      const at = this.#consume(chunk, 0, chunk.length);
      if (at < chunk.length) held.append(chunk, at);
    } else {
      held.append(chunk, 0);
      const at = this.#consume(held.buffer, held.start, held.end);
      if (held.size > 0) held.consumeTo(at);
    }
    this.#consuming = false;
    this.updateReading();
    this.#announceIdle();
  }

  receiveEnd(): void {
    const exchange = this.#exchange;
    switch (this.#state) {
      case over:
        return this.#host.close(undefined);
      case isIdle:
      case uploading:
        return this.#end();
      case inTunnel:
        if (exchange !== undefined) this.#endTunnelInput(exchange);
        return;
      case inBody:
        if (this.#body.endsByClose && exchange !== undefined) {
          exchange.reader.onData(nothing, true);
          if (this.#exchange === exchange) this.#endResponse(exchange);
          return;
        }
    }
    this.#cut("server closed before its response was whole");
  }

  flushed(): void {
    const exchange = this.#exchange;
    const bytes = exchange?.uncredited ?? 0;
    if (exchange === undefined || bytes === 0) return;
    exchange.uncredited = 0;
    exchange.reader.onCredit(bytes);
  }

  closed(reset: Reset): void {
    const exchange = this.#exchange;
    const unanswered = this.#isUnanswered();
    const unprocessed = unanswered && exchange?.takeBackUnsent() === true;
    this.#exchange = undefined;
    this.#state = over;
    this.#held.clear();
    exchange?.reader.onReset(unanswered ? { ...reset, unprocessed, unanswered } : reset);
    this.#sayUnusable();
  }

  tick(): void {}

  drain(): void {
    this.#draining = true;
    if (this.#state === isIdle) this.#end();
    else this.#sayUnusable();
  }

  isCurrent(exchange: ClientExchange): boolean {
    return exchange === this.#exchange;
  }

  wrote(): void {
    this.#host.wantFlush();
  }

  updateReading(): void {
    this.#gate.update(this.#exchange?.ungranted ?? 0);
  }

  abort(reset: Reset): void {
    this.#exchange = undefined;
    this.#state = over;
    this.#held.clear();
    this.#sayUnusable();
    this.#host.close(reset);
  }

  requestEnded(exchange: ClientExchange): void {
    if (this.#state === inTunnel) {
      this.#host.finish();
      if (!exchange.responseEnded) return;
      this.#exchange = undefined;
      this.#end();
    } else if (this.#state === uploading) this.#settle(exchange);
  }

  #consume(buffer: Buffer, from: number, to: number): number {
    let at = from;
    while (at < to) {
      const next = this.#step(buffer, at, to);
      if (next === needMore) break;
      at = next;
    }
    return at;
  }

  #step(buffer: Buffer, at: number, to: number): number {
    switch (this.#state) {
      case awaitingHead:
        return this.#readHead(buffer, at, to);
      case inBody:
      case inTunnel:
        return this.#readBody(buffer, at, to);
      case over:
        return to;
      default:
        // Idle, or the response is complete: these bytes answer nothing, and would answer the next request wrongly.
        this.#break("bytes after the response");
        return to;
    }
  }

  #readHead(buffer: Buffer, at: number, to: number): number {
    const reader = this.#headReader;
    const exchange = this.#exchange as ClientExchange;
    if (exchange.interimHeads === 0 && exchange.takeBackUnsent()) {
      this.#break("response before its request", true);
      return to;
    }
    const next = reader.read(buffer, at, to);
    if (next === needMore) return needMore;
    if (next === refused) {
      this.#break(reader.fault?.detail ?? "bad response head");
      return to;
    }
    if (reader.status < 200) this.#takeInterim(exchange);
    else this.#takeFinal(exchange);
    return next;
  }

  #takeInterim(exchange: ClientExchange): void {
    const { status, facts } = this.#headReader;
    const problem = interimProblem(exchange, this.#headReader, this.#limits.interimHeads);
    const head = { status, headers: withoutLength(facts.headers) };
    if (problem !== "") this.#break(problem);
    else if (status === 101) this.#openTunnel(exchange, head);
    else exchange.reader.onHead(head, false);
  }

  #takeFinal(exchange: ClientExchange): void {
    const { status, facts } = this.#headReader;
    const isConnect = exchange.method === "CONNECT" && exchange.protocol === "";
    if (isConnect && status < 300) {
      this.#openTunnel(exchange, { status, headers: withoutLength(facts.headers) });
      return;
    }
    if (exchange.switches) exchange.requestEnded = true;
    exchange.keepAlive = beginResponseBody(this.#body, this.#headReader, exchange.method);
    if (!exchange.keepAlive) this.#sayUnusable();
    this.#state = inBody;
    const headers = status === 204 ? withoutLength(facts.headers) : facts.headers.slice();
    const end = this.#body.done;
    exchange.reader.onHead({ status, headers }, end);
    if (end && this.#exchange === exchange) this.#endResponse(exchange);
  }

  #openTunnel(exchange: ClientExchange, head: ResponseHead): void {
    this.#state = inTunnel;
    this.#body.beginUntilClose();
    this.#sayUnusable();
    exchange.reader.onHead(head, false);
    if (this.#exchange === exchange) exchange.sendEarly();
  }

  #readBody(buffer: Buffer, at: number, to: number): number {
    const exchange = this.#exchange as ClientExchange;
    const next = this.#body.read(buffer, at, to, exchange.reader);
    if (this.#exchange !== exchange) return to;
    exchange.ungranted += this.#body.delivered;
    if (next === refused) {
      this.#break(this.#body.fault?.detail ?? "bad response body");
      return to;
    }
    if (this.#body.done) this.#endResponse(exchange);
    return next;
  }

  #endResponse(exchange: ClientExchange): void {
    exchange.responseEnded = true;
    this.#state = uploading;
    this.#settle(exchange);
  }

  /** The response is complete: idle again, or the rest of the request, or the end. */
  #settle(exchange: ClientExchange): void {
    if (exchange.requestEnded) {
      this.#exchange = undefined;
      if (!exchange.keepAlive || this.#draining) this.#end();
      else {
        this.#state = isIdle;
        this.#becameIdle = true;
        if (!this.#consuming) this.#announceIdle();
      }
    } else if (!exchange.keepAlive) this.#end();
  }

  /** Only once no byte stands behind the response: it would be read as the answer to the next request. */
  #announceIdle(): void {
    if (!this.#becameIdle) return;
    this.#becameIdle = false;
    this.updateReading();
    if (this.#state === isIdle) this.#owner.onIdle();
  }

  #endTunnelInput(exchange: ClientExchange): void {
    exchange.responseEnded = true;
    exchange.reader.onData(nothing, true);
    if (this.#exchange !== exchange || !exchange.requestEnded) return;
    this.#exchange = undefined;
    this.#end();
  }

  /** The server broke the protocol. */
  #break(detail: string, unprocessed = false): void {
    const exchange = this.#exchange;
    const reset = { ...brokenByPeer(detail), unprocessed };
    this.abort(reset);
    if (exchange === undefined) return;
    exchange.reader.onReset(exchange.responseEnded ? answeredEarly("upstream_closed") : reset);
  }

  #cut(detail: string): void {
    const exchange = this.#exchange;
    const unanswered = this.#isUnanswered();
    const reset = leftByServer(
      detail,
      unanswered && exchange?.takeBackUnsent() === true,
      unanswered,
    );
    this.abort(reset);
    exchange?.reader.onReset(reset);
  }

  /** An orderly end; a request that is still being sent is told that nobody reads it. */
  #end(): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#state = over;
    this.#held.clear();
    this.#sayUnusable();
    this.#host.close(undefined);
    exchange?.reader.onReset(answeredEarly("upstream_closed"));
  }

  #isUnanswered(): boolean {
    const exchange = this.#exchange;
    return this.#state === awaitingHead && this.#held.size === 0 && exchange?.interimHeads === 0;
  }

  #sayUnusable(): void {
    if (this.#unusable) return;
    this.#unusable = true;
    this.#owner.onUnusable();
  }
}
