/** Byte gear. The client side of HTTP/2: opens requests on one connection. */
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
import { Connection } from "./connection.ts";
import { CLIENT_PREFACE, errorName, MAX_31_BITS, PROTOCOL_ERROR } from "./numbers.ts";
import type { Role } from "./role.ts";
import type { Http2Settings } from "./settings.ts";
import { halfClosedLocal, open, receiveHeaders, type StreamState } from "./state.ts";
import type { Http2Stats } from "./stats.ts";
import type { Stream } from "./stream.ts";

/** What the pool that owns a connection hears of it. */
export interface Http2ClientOwner {
  /** `capacity` became larger than 0, or the peer's SETTINGS came. */
  onCapacity(): void;
  /** The connection takes no more requests: GOAWAY, the end, or no identifier left. Called once. */
  onDraining(): void;
}

export interface Http2Client extends Engine, RequestOpener {
  readonly stats: Http2Stats;
  /** The connection has neither broken nor closed; while draining it is still alive. */
  readonly alive: boolean;
  /** The peer's SETTINGS have come. */
  readonly ready: boolean;
  /** The peer takes extended CONNECT (RFC 8441); known once `ready`. */
  readonly extendedConnect: boolean;
  /** Asks whether the peer is there; false if it has not answered the last time. The timer is the owner's. */
  ping(): boolean;
}

/** Speaks as a client; preface and SETTINGS are in `host.out` when this returns. */
export function createHttp2Client(
  host: EngineHost,
  owner: Http2ClientOwner,
  settings: Http2Settings = {},
): Http2Client {
  return new ClientSide(host, owner, settings);
}

class ClientSide implements Http2Client, Role {
  readonly server = false;
  readonly #connection: Connection;
  readonly #owner: Http2ClientOwner;
  #nextStream = 1;
  #draining = false;
  /** `capacity` was 0 when the owner last looked, so it waits to hear of more. */
  #wasFull = false;

  constructor(host: EngineHost, owner: Http2ClientOwner, settings: Http2Settings) {
    this.#owner = owner;
    host.out.appendLatin1(CLIENT_PREFACE);
    this.#connection = new Connection(host, this, settings);
    this.#connection.begin();
  }

  get stats(): Http2Stats {
    return this.#connection.stats;
  }

  get alive(): boolean {
    return !this.#connection.dead;
  }

  get ready(): boolean {
    return this.#connection.peer.received;
  }

  get extendedConnect(): boolean {
    return this.#connection.peer.extendedConnect;
  }

  get active(): number {
    return this.#connection.active;
  }

  get capacity(): number {
    const connection = this.#connection;
    if (this.#draining || connection.dead) return 0;
    const limit = Math.min(connection.peer.maxStreams, connection.settings.maxConcurrentStreams);
    const free = Math.max(0, limit - connection.streams.size);
    if (free === 0) this.#wasFull = true;
    return free;
  }

  open(
    head: RequestHead,
    end: boolean,
    response: MessageReader<ResponseHead>,
  ): MessageWriter<RequestHead> {
    const connection = this.#connection;
    if (this.#draining || connection.dead) return refusedStream(response);
    const stream = connection.addStream(this.#nextStream);
    this.#nextStream += 2;
    stream.reader = response;
    stream.headSent = true;
    stream.state = end ? halfClosedLocal : open;
    stream.upgrade = head.protocol !== "";
    stream.tunnel = head.method === "CONNECT" && !stream.upgrade;
    stream.bodiless = head.method === "HEAD";
    this.#writeRequest(stream, head, end);
    // RFC 9113 5.1.1: identifiers are not used again; the next request needs another connection.
    if (this.#nextStream > MAX_31_BITS) this.#stopOpening();
    return stream;
  }

  #writeRequest(stream: Stream, head: RequestHead, end: boolean): void {
    const { sender } = this.#connection;
    const start = sender.beginHeaders();
    sender.field(":method", stream.upgrade ? "CONNECT" : head.method);
    if (stream.upgrade) sender.field(":protocol", head.protocol);
    if (!stream.tunnel) {
      sender.field(":scheme", head.scheme);
      sender.field(":path", head.path);
    }
    sender.field(":authority", head.authority);
    sender.fields(head.headers);
    sender.endHeaders(start, stream.id, end);
  }

  receive(chunk: Buffer): void {
    this.#connection.receive(chunk);
  }

  receiveEnd(): void {
    this.#stopOpening();
    this.#connection.receiveEnd();
  }

  flushed(): void {
    this.#connection.flushed();
  }

  closed(reset: Reset): void {
    this.#connection.closed(reset);
  }

  tick(): void {
    this.#connection.tick();
  }

  drain(): void {
    this.#stopOpening();
    this.#connection.drain();
  }

  ping(): boolean {
    return this.#connection.ping();
  }

  isIdle(streamId: number): boolean {
    return (streamId & 1) === 0 || streamId >= this.#nextStream;
  }

  onUnknownHeaders(streamId: number): void {
    this.#connection.strays.onMessage(streamId, "HEADERS");
  }

  onResponseHead(stream: Stream, end: boolean): void {
    const connection = this.#connection;
    const block = connection.head;
    if (block.tooLarge) {
      connection.stats.headersTooLarge += 1;
      const detail = "response head too large";
      return connection.streams.fail(stream, PROTOCOL_ERROR, detail, "header_too_large");
    }
    const head = block.responseHead();
    if (head === undefined) return connection.streams.malformed(stream, block.problem);
    if (head.status < 200) return this.#onInformational(stream, head, end);
    stream.headReceived = true;
    if (stream.upgrade && head.status === 200) head.status = 101;
    if (!end || !stream.bodiless) this.#expect(stream, head.status, block.contentLength);
    if (end && stream.expected > 0) {
      return connection.streams.malformed(stream, "content-length without a body");
    }
    stream.state = receiveHeaders(stream.state, end) as StreamState;
    (stream.reader as MessageReader<ResponseHead> | undefined)?.onHead(head, end);
    connection.streams.endIfClosed(stream);
  }

  #onInformational(stream: Stream, head: ResponseHead, end: boolean): void {
    const connection = this.#connection;
    if (end) return connection.streams.malformed(stream, "1xx with END_STREAM");
    stream.informationalHeads += 1;
    if (stream.informationalHeads > connection.limits.informationalHeads) {
      return connection.streams.malformed(stream, "too many 1xx heads");
    }
    (stream.reader as MessageReader<ResponseHead> | undefined)?.onHead(head, false);
  }

  /** RFC 9110 6.4.1 and 9.3.6: where the status or the method decides, content-length says nothing. */
  #expect(stream: Stream, status: number, contentLength: number): void {
    if (status === 204 || status === 304) stream.bodiless = true;
    const tunnelled = (stream.tunnel || stream.upgrade) && (status === 101 || status < 300);
    if (!stream.bodiless && !tunnelled) stream.expected = contentLength;
  }

  onGoaway(lastStreamId: number, code: number): void {
    const connection = this.#connection;
    this.#stopOpening();
    const detail = `not taken before GOAWAY with ${errorName(code)}`;
    for (const stream of connection.streams.all()) {
      if (stream.id > lastStreamId) connection.streams.cutUnprocessed(stream, detail);
    }
    connection.endWhenIdle();
  }

  onStreamGone(): void {
    if (!this.#wasFull || this.capacity === 0) return;
    this.#wasFull = false;
    this.#owner.onCapacity();
  }

  onDead(): void {
    this.#stopOpening();
  }

  onSettings(): void {
    this.#wasFull = false;
    this.#owner.onCapacity();
  }

  writeHead(): void {
    // `open` has sent it.
  }

  #stopOpening(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#owner.onDraining();
  }
}

/** For an owner that did not look at `capacity`: tells it at once, and swallows what it still sends. */
function refusedStream(response: MessageReader<ResponseHead>): MessageWriter<RequestHead> {
  response.onReset({
    code: "upstream_closed",
    http2Code: 7,
    detail: "connection takes no more requests",
    unprocessed: true,
  });
  return deaf;
}

const deaf: MessageWriter<RequestHead> = {
  head() {},
  data() {},
  trailers() {},
  reset() {},
  grant() {},
};
