/**
 * Byte gear. Joins the two ends of one exchange: what the downstream sends goes up, what the upstream answers goes
 * down, and credit runs the other way. Until an upstream is there, the request waits here within its window.
 */
import { type MeshError, toMeshError } from "../../core/mesh-error.ts";
import type {
  HeaderList,
  MessageReader,
  MessageWriter,
  RequestHead,
  RequestOpener,
  Reset,
  ResponseHead,
} from "../../protocol/exchange.ts";
import { stripMeshHeaders } from "./mesh-headers.ts";
import { type Fault, grpcTrailers, isGrpc, rescue } from "./rescue.ts";

/** What the relay asks of the direction that it runs in; one object serves all exchanges of a connection. */
export interface RelayOwner {
  /** The exchange is over. Called exactly once. */
  onEnd(relay: Relay): void;
  /** No connection came about; the relay may be over by then. */
  connectFailed(relay: Relay, error: unknown): void;
  /** The upstream certainly did not act on the request, which is still whole: true takes over to try again. */
  retry(relay: Relay, reset: Reset): boolean;
  /** A whole answer to a whole request: true when it says that nothing acted on it and another try was begun. */
  reclaim?(relay: Relay, head: ResponseHead): boolean;
  /** The final response head, before it goes down; may be changed in place, and the relay may be failed. */
  onResponse(relay: Relay, head: ResponseHead): void;
}

interface WaitingBody {
  readonly chunks: Buffer[];
  trailers: HeaderList | undefined;
  ended: boolean;
}

/** Methods that may be sent twice (RFC 9110 9.2.2). */
const idempotent: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PUT",
  "DELETE",
]);

export class Relay implements MessageReader<ResponseHead> {
  readonly head: RequestHead;
  readonly down: MessageWriter<ResponseHead>;
  readonly request: RequestReader;
  readonly startedAt: number;
  /** Of the final response; 0 while there is none. */
  status = 0;
  /** From a header or a trailer; empty when the response had none. */
  grpcStatus = "";
  /** Why the exchange failed, when it was our doing or the transport's. */
  fault: Fault | undefined;
  bytesReceived = 0;
  bytesSent = 0;
  attempts = 0;
  /** Whatever the owner needs to know at the end, such as the endpoint that was picked. */
  tag: unknown;
  readonly #owner: RelayOwner;
  up: MessageWriter<RequestHead> | undefined;
  waiting: WaitingBody | undefined;
  /** The request had ended with its head, so it can be sent again. */
  readonly bodiless: boolean;
  requestEnded: boolean;
  #responseStarted = false;
  #responseEnded = false;
  #over = false;

  constructor(
    head: RequestHead,
    end: boolean,
    down: MessageWriter<ResponseHead>,
    owner: RelayOwner,
    startedAt: number,
  ) {
    this.head = head;
    this.down = down;
    this.bodiless = end;
    this.requestEnded = end;
    this.startedAt = startedAt;
    this.#owner = owner;
    this.request = new RequestReader(this);
  }

  get over(): boolean {
    return this.#over;
  }

  /** Sends the request to this connection. Callers have seen that it has capacity. */
  connect(opener: RequestOpener): void {
    if (this.#over) return;
    this.attempts += 1;
    const waiting = this.waiting;
    const up = opener.open(this.head, this.bodiless, this);
    this.up = this.#over ? undefined : up;
    if (waiting === undefined || this.#over) return;
    this.waiting = undefined;
    for (const chunk of waiting.chunks) up.data(chunk, false);
    if (waiting.trailers !== undefined) up.trailers(waiting.trailers);
    else if (waiting.ended) up.data(nothing, true);
  }

  connectFailed(error: unknown): void {
    this.#owner.connectFailed(this, error);
  }

  /** Answers the request ourselves, with these headers beside our own, or cuts it when the answer has begun. */
  fail(error: unknown, headers: HeaderList = []): void {
    if (this.#over) return;
    const meshError = toMeshError(error);
    const { code, message: detail, told } = meshError;
    this.#fail({ code, detail, told }, resetFor(meshError), headers);
  }

  /** Cuts both sides, as when a policy withdraws its permit from a live exchange. */
  abort(error: MeshError): void {
    if (this.#over) return;
    this.up?.reset(resetFor(error));
    this.up = undefined;
    this.fail(error);
  }

  onHead(head: ResponseHead, end: boolean): void {
    if (this.#over) return;
    if (head.status < 200 && head.status !== 101) {
      this.down.head(head, false);
      return;
    }
    if (end && this.bodiless && this.#owner.reclaim?.(this, head) === true) return;
    this.#responseStarted = true;
    this.status = head.status;
    this.#noteGrpcStatus(head.headers);
    this.#owner.onResponse(this, head);
    if (this.over) return;
    this.down.head(head, end);
    if (end) this.#endResponse();
  }

  onData(chunk: Uint8Array, end: boolean): void {
    if (this.#over) return;
    this.bytesSent += chunk.length;
    this.down.data(chunk, end);
    if (end) this.#endResponse();
  }

  onTrailers(headers: HeaderList): void {
    if (this.#over) return;
    stripMeshHeaders(headers);
    this.#noteGrpcStatus(headers);
    this.down.trailers(headers);
    this.#endResponse();
  }

  onReset(reset: Reset): void {
    if (this.#over) return;
    this.up = undefined;
    if (this.#mayRetry(reset) && this.#owner.retry(this, reset)) return;
    this.#fail(reset, reset);
  }

  onCredit(bytes: number): void {
    this.down.grant(bytes);
  }

  /** The client went away, or its request was cut: the upstream must not take it for a whole one. */
  cancel(reset: Reset): void {
    if (this.#over) return;
    this.up?.reset(this.#cutBy(reset));
    this.fault ??= reset;
    this.#finish();
  }

  #mayRetry(reset: Reset): boolean {
    if (this.#responseStarted || !this.bodiless) return false;
    const unanswered = reset.unanswered === true || reset.code === "upstream_closed";
    return reset.unprocessed || (unanswered && idempotent.has(this.head.method));
  }

  #fail(fault: Fault, reset: Reset, headers: HeaderList = []): void {
    this.fault = fault;
    if (!this.#responseStarted) {
      const head = rescue(fault, isGrpc(this.head));
      head.headers.push(...headers);
      this.status = head.status;
      this.#noteGrpcStatus(head.headers);
      this.down.head(head, true);
    } else if (isGrpc(this.head) && this.grpcStatus === "") {
      const trailers = grpcTrailers(fault);
      this.#noteGrpcStatus(trailers);
      this.down.trailers(trailers);
    } else {
      this.down.reset(this.#cutBy(reset));
    }
    if (!this.requestEnded) this.down.reset(responseWasWhole);
    this.#finish();
  }

  /** The request has ended; a tunnel is over when both its directions are. */
  endRequest(): void {
    this.requestEnded = true;
    if (this.#responseEnded && !this.#over) this.#finish();
  }

  /** A response may end before its request: the rest of the request is then nobody's business any more. */
  #endResponse(): void {
    this.#responseEnded = true;
    const tunnel = this.head.protocol !== "" || this.head.method === "CONNECT";
    if (!this.requestEnded) {
      if (tunnel && this.status < 300) return;
      this.up?.reset(this.#cutBy(responseWasWhole));
      this.down.reset(responseWasWhole);
    }
    this.#finish();
  }

  /**
   * For a message that is not whole. NO_ERROR is a server's word behind a whole response (RFC 9113 8.1); in any other
   * place node:http2 and ztunnel take what came so far for all of it.
   */
  #cutBy(reset: Reset): Reset {
    if (reset.http2Code !== 0x0) return reset;
    return { ...reset, http2Code: this.head.method === "CONNECT" ? connectError : cancelled };
  }

  #finish(): void {
    this.#over = true;
    this.waiting = undefined;
    this.up = undefined;
    this.#owner.onEnd(this);
  }

  #noteGrpcStatus(headers: HeaderList): void {
    for (let index = 0; index < headers.length; index += 2) {
      if (headers[index] === "grpc-status") this.grpcStatus = headers[index + 1] as string;
    }
  }
}

/** The reader of the request's body: a second face of the relay, since both directions use the same names. */
class RequestReader implements MessageReader<RequestHead> {
  readonly #relay: Relay;

  constructor(relay: Relay) {
    this.#relay = relay;
  }

  onHead(): void {}

  onData(chunk: Uint8Array, end: boolean): void {
    const relay = this.#relay;
    relay.bytesReceived += chunk.length;
    if (relay.up !== undefined) {
      relay.up.data(chunk, end);
    } else if (!relay.over) {
      const waiting = this.#wait();
      if (chunk.length > 0) waiting.chunks.push(Buffer.from(chunk));
      waiting.ended ||= end;
    }
    if (end) relay.endRequest();
  }

  onTrailers(headers: HeaderList): void {
    const relay = this.#relay;
    // Some servers let trailers join the headers, and an identity must not come in that way either.
    stripMeshHeaders(headers);
    if (relay.up !== undefined) relay.up.trailers(headers);
    else if (!relay.over) this.#wait().trailers = headers;
    relay.endRequest();
  }

  onReset(reset: Reset): void {
    this.#relay.cancel(reset);
  }

  /** After the exchange is over the upstream needs no more credit. */
  onCredit(bytes: number): void {
    this.#relay.up?.grant(bytes);
  }

  #wait(): WaitingBody {
    this.#relay.waiting ??= { chunks: [], trailers: undefined, ended: false };
    return this.#relay.waiting;
  }
}

const cancelled = 0x8;
/** Peers of HBONE take CANCEL for an orderly end of a tunnel. */
const connectError = 0xa;

/** RFC 9113 8.1: the response is complete, the rest of the request is not wanted. */
const responseWasWhole: Reset = {
  code: "upstream_closed",
  http2Code: 0x0,
  detail: "the response ended before its request",
  unprocessed: false,
};

function resetFor(error: MeshError): Reset {
  return {
    code: error.code,
    // CONNECT_ERROR tells an HBONE peer of a cut tunnel; CANCEL or NO_ERROR would look like an orderly end.
    http2Code: error.code === "downstream_closed" ? 0x8 : 0xa,
    detail: error.message,
    unprocessed: error.retry === "unprocessed",
  };
}

const nothing = Buffer.alloc(0);
