/**
 * Byte gear. The server side of one HTTP/1 connection (RFC 9112), without a socket.
 *
 *   head ──> body ──> answering ──> head …        one exchange at a time; pipelined bytes are held
 *                        └─ 101, 2xx to CONNECT ──> tunnel
 *   any ── bad input, last response ──> over      what still comes is dropped
 */
import type { Engine, EngineHost, RequestAcceptor, RequestHead, Reset } from "../exchange.ts";
import { ReadingGate } from "../reading-gate.ts";
import { BodyReader } from "./body-reader.ts";
import { type Fault, needMore, refused } from "./fault.ts";
import { HeldBytes } from "./held-bytes.ts";
import { defaultHttp1Limits, type Http1Limits } from "./limits.ts";
import { RequestHeadReader } from "./request-head.ts";
import { answeredEarly, brokenByPeer, leftByClient } from "./resets.ts";
import { ResponseWriter } from "./response-writer.ts";
import { deafReader, ServerExchange, type ServerSide } from "./server-exchange.ts";
import { createHttp1Stats, type Http1Stats } from "./stats.ts";

/** A server engine, with what its owner needs to time it. */
export interface Http1Server extends Engine {
  /** Part of a head has arrived: the rest is due within the owner's header timeout. */
  readonly readingHead: boolean;
  /** Between two requests, with nothing of the next one there. */
  readonly idle: boolean;
}

/** Makes the engine that reads requests from a connection and hands them to the acceptor one after the other. */
export function createHttp1Server(
  host: EngineHost,
  acceptor: RequestAcceptor,
  stats: Http1Stats = createHttp1Stats(),
  limits: Http1Limits = defaultHttp1Limits,
): Http1Server {
  return new ServerConnection(host, acceptor, stats, limits);
}

const inHead = 0;
const inBody = 1;
/** The request is complete, or its switch of protocols undecided: what comes is held. */
const answering = 2;
const inTunnel = 3;
const over = 4;

const nothing = Buffer.alloc(0);
const headTooSlow: Fault = { status: 408, detail: "request head was not complete in time" };

class ServerConnection implements Http1Server, ServerSide {
  readonly #host: EngineHost;
  readonly #acceptor: RequestAcceptor;
  readonly #stats: Http1Stats;
  readonly #limits: Http1Limits;
  readonly #headReader: RequestHeadReader;
  readonly #body: BodyReader;
  readonly response: ResponseWriter;
  readonly #gate: ReadingGate;
  readonly #held = new HeldBytes();
  #state = inHead;
  #exchange: ServerExchange | undefined;
  #consuming = false;
  #inputEnded = false;
  #draining = false;
  #skippedEmptyLine = false;
  #headTicks = 0;
  /** Written since the transport last said that all had left. */
  #unflushed = 0;

  constructor(host: EngineHost, acceptor: RequestAcceptor, stats: Http1Stats, limits: Http1Limits) {
    this.#host = host;
    this.#acceptor = acceptor;
    this.#stats = stats;
    this.#limits = limits;
    this.#headReader = new RequestHeadReader(limits);
    this.#body = new BodyReader(limits);
    this.response = new ResponseWriter(host.out);
    this.#gate = new ReadingGate(host, limits.window);
  }

  get active(): number {
    return this.#exchange === undefined ? 0 : 1;
  }

  get readingHead(): boolean {
    return this.#state === inHead && this.#held.size > 0 && !this.#isBehind();
  }

  get idle(): boolean {
    return this.#state === inHead && this.#held.size === 0;
  }

  get isLast(): boolean {
    return this.#draining || (this.#inputEnded && this.#held.size === 0);
  }

  receive(chunk: Buffer): void {
    if (this.#state === over) return;
    if (this.#held.size > 0) {
      this.#held.append(chunk, 0);
      this.#consumeHeld();
    } else {
      const at = this.#consume(chunk, 0, chunk.length);
      if (at < chunk.length) this.#held.append(chunk, at);
    }
    this.#updateReading();
  }

  receiveEnd(): void {
    this.#inputEnded = true;
    if (this.#state === over) this.#host.close(undefined);
    else this.#noticeInputEnd();
  }

  flushed(): void {
    this.#unflushed = 0;
    const exchange = this.#exchange;
    if (exchange !== undefined && exchange.uncredited > 0) {
      const bytes = exchange.uncredited;
      exchange.uncredited = 0;
      exchange.reader.onCredit(bytes);
    }
    this.#consumeHeld();
    this.#updateReading();
  }

  closed(reset: Reset): void {
    this.#state = over;
    this.#held.clear();
    this.#dropExchange(reset);
  }

  /** A client that feeds its head byte by byte holds a connection for nothing (slowloris). */
  tick(): void {
    this.#headTicks = this.readingHead ? this.#headTicks + 1 : 0;
    if (this.#headTicks > this.#limits.headTicks) this.#answerFault(headTooSlow);
  }

  drain(): void {
    this.#draining = true;
    if (this.idle) this.#finish();
  }

  isCurrent(exchange: ServerExchange): boolean {
    return exchange === this.#exchange;
  }

  wrote(bytes: number): void {
    this.#unflushed += bytes;
    this.#host.wantFlush();
  }

  granted(): void {
    this.#updateReading();
  }

  abort(reset: Reset): void {
    this.#state = over;
    this.#held.clear();
    this.#dropExchange(reset);
    this.#host.close(reset);
  }

  resetByOwner(exchange: ServerExchange, reset: Reset): void {
    this.#exchange = undefined;
    if (exchange.responseEnded) this.#finish();
    else {
      this.#state = over;
      this.#held.clear();
      this.#host.close(reset);
    }
  }

  openTunnel(): void {
    this.#state = inTunnel;
    this.#body.beginUntilClose();
    if (this.#consuming) return;
    this.#consumeHeld();
    this.#noticeInputEnd();
    this.#updateReading();
  }

  refuseTunnel(exchange: ServerExchange): void {
    exchange.requestEnded = true;
    exchange.reader.onData(nothing, true);
  }

  responseEnded(exchange: ServerExchange): void {
    exchange.responseEnded = true;
    if (this.#state === inTunnel) {
      this.#host.finish();
      this.#settleTunnel(exchange);
    } else if (!this.#consuming) {
      this.#settle(exchange);
      this.#consumeHeld();
      this.#noticeInputEnd();
      this.#updateReading();
    }
  }

  #consumeHeld(): void {
    const held = this.#held;
    if (this.#consuming || held.size === 0) return;
    const at = this.#consume(held.buffer, held.start, held.end);
    if (held.size > 0) held.consumeTo(at);
    this.#noticeInputEnd();
  }

  /** Acts on the client's FIN once everything before it was read. */
  #noticeInputEnd(): void {
    if (!this.#inputEnded || this.#consuming) return;
    const exchange = this.#exchange;
    if (this.#state === inHead) this.#endBetweenRequests();
    else if (exchange === undefined) return;
    else if (this.#state === inTunnel && !exchange.requestEnded) {
      exchange.requestEnded = true;
      exchange.reader.onData(nothing, true);
      this.#settleTunnel(exchange);
    } else if (this.#state === inBody) {
      const reset = leftByClient("client closed within the request body");
      if (!exchange.responseEnded) this.abort(reset);
      else {
        this.#dropExchange(reset);
        this.#finish();
      }
    }
  }

  /** Reads as far as the state allows; gives the position behind the last byte that was read. */
  #consume(buffer: Buffer, from: number, to: number): number {
    this.#consuming = true;
    let at = from;
    while (at < to) {
      const next = this.#step(buffer, at, to);
      if (next === needMore) break;
      at = next;
      const exchange = this.#exchange;
      if (exchange?.responseEnded === true) this.#settle(exchange);
    }
    this.#consuming = false;
    return at;
  }

  #step(buffer: Buffer, at: number, to: number): number {
    switch (this.#state) {
      case inHead:
        return this.#readHead(buffer, at, to);
      case inBody:
      case inTunnel:
        return this.#readBody(buffer, at, to);
      case answering:
        return needMore;
      default:
        return to;
    }
  }

  #readHead(buffer: Buffer, at: number, to: number): number {
    // A client that never reads must not make us pile up its responses (one window of them at most).
    if (this.#unflushed > this.#limits.window) return needMore;
    if (buffer[at] === 0x0d && !this.#skippedEmptyLine) {
      if (at + 1 === to) return needMore;
      if (buffer[at + 1] === 0x0a) {
        // RFC 9112 2.2: one empty line before a request is forgiven.
        this.#skippedEmptyLine = true;
        return at + 2;
      }
    }
    const next = this.#headReader.read(buffer, at, to);
    if (next === needMore) return needMore;
    if (next === refused) {
      this.#answerFault(this.#headReader.fault);
      return to;
    }
    this.#skippedEmptyLine = false;
    this.#beginExchange(this.#headReader.head as RequestHead);
    return next;
  }

  #beginExchange(head: RequestHead): void {
    const { contentLength, chunked, keepAlive, expectsContinue } = this.#headReader;
    const switches = head.protocol !== "" || head.method === "CONNECT";
    if (chunked) this.#body.beginChunked();
    else this.#body.beginLength(contentLength);
    const end = this.#body.done && !switches;
    this.#state = this.#body.done ? answering : inBody;
    const exchange = new ServerExchange(this, head, keepAlive, expectsContinue);
    exchange.requestEnded = end;
    exchange.switches = switches;
    this.#exchange = exchange;
    exchange.reader = this.#acceptor.onRequest(head, end, exchange);
    if (exchange.missedReset !== undefined) exchange.reader.onReset(exchange.missedReset);
  }

  #readBody(buffer: Buffer, at: number, to: number): number {
    const exchange = this.#exchange as ServerExchange;
    exchange.sawBody = true;
    const next = this.#body.read(buffer, at, to, exchange.reader);
    if (this.#exchange !== exchange) return to;
    exchange.ungranted += this.#body.delivered;
    if (next === refused) {
      this.#refuseBody(exchange);
      return to;
    }
    if (this.#body.done) {
      exchange.requestEnded = true;
      if (this.#state === inBody) this.#state = answering;
    }
    return next;
  }

  #refuseBody(exchange: ServerExchange): void {
    const fault = this.#body.fault as Fault;
    if (exchange.responseBegun) {
      this.abort(brokenByPeer(fault.detail));
      return;
    }
    this.#dropExchange(brokenByPeer(fault.detail));
    this.#answerFault(fault);
  }

  /** The response is complete: the next request, the rest of this one, or the end. */
  #settle(exchange: ServerExchange): void {
    if (this.#exchange !== exchange || this.#state === inTunnel) return;
    if (exchange.requestEnded) {
      this.#exchange = undefined;
      if (exchange.keepAlive && !this.#draining) this.#state = inHead;
      else this.#finish();
    } else if (!exchange.keepAlive) {
      this.#dropExchange(answeredEarly("downstream_closed"));
      this.#finish();
    }
  }

  #settleTunnel(exchange: ServerExchange): void {
    if (!exchange.requestEnded || !exchange.responseEnded || this.#exchange !== exchange) return;
    this.#exchange = undefined;
    this.#state = over;
    this.#host.close(undefined);
  }

  #endBetweenRequests(): void {
    if (this.#held.size > 0 && this.#isBehind()) return;
    const partial = this.#held.size > 0;
    this.#finish();
    this.#host.close(partial ? leftByClient("client closed within a request head") : undefined);
  }

  #answerFault(fault: Fault = { status: 400, detail: "bad request" }): void {
    const { refusals } = this.#stats;
    refusals[fault.status] = (refusals[fault.status] ?? 0) + 1;
    const bytes = this.response.writeFault(fault);
    this.wrote(bytes);
    this.#finish();
  }

  #finish(): void {
    this.#state = over;
    this.#held.clear();
    this.#gate.open();
    this.#host.finish();
  }

  #dropExchange(reset: Reset): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    if (exchange === undefined) return;
    if (exchange.reader === deafReader) exchange.missedReset = reset;
    else exchange.reader.onReset(reset);
  }

  #updateReading(): void {
    const ungranted = this.#exchange?.ungranted ?? 0;
    const blocked = this.#held.size > 0 && (this.#state !== inHead || this.#isBehind());
    this.#gate.update(ungranted, blocked);
  }

  #isBehind(): boolean {
    return this.#unflushed > this.#limits.window;
  }
}
