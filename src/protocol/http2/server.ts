/** Byte gear. The server side of HTTP/2: takes requests, hands each to an acceptor. */
import type {
  Engine,
  EngineHost,
  RequestAcceptor,
  RequestHead,
  ResponseHead,
} from "../exchange.ts";
import { Connection } from "./connection.ts";
import { CLIENT_PREFACE, NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM } from "./numbers.ts";
import type { Role } from "./role.ts";
import type { Http2Settings } from "./settings.ts";
import { halfClosedRemote, open, type StreamState, sendHeaders } from "./state.ts";
import type { Http2Stats } from "./stats.ts";
import type { Stream } from "./stream.ts";

export interface Http2Server extends Engine {
  readonly stats: Http2Stats;
  /** Asks whether the peer is there; false if it has not answered the last time. The timer is the owner's. */
  ping(): boolean;
}

/** Speaks as a server from the client's preface on; its own SETTINGS are in `host.out` when this returns. */
export function createHttp2Server(
  host: EngineHost,
  acceptor: RequestAcceptor,
  settings: Http2Settings = {},
): Http2Server {
  return new ServerSide(host, acceptor, settings);
}

const preface = Buffer.from(CLIENT_PREFACE, "latin1");

class ServerSide implements Http2Server, Role {
  readonly server = true;
  readonly #connection: Connection;
  readonly #acceptor: RequestAcceptor;
  #prefaceSeen = 0;
  #prefaceTicks = 0;

  constructor(host: EngineHost, acceptor: RequestAcceptor, settings: Http2Settings) {
    this.#acceptor = acceptor;
    this.#connection = new Connection(host, this, settings);
    this.#connection.begin();
  }

  get stats(): Http2Stats {
    return this.#connection.stats;
  }

  get active(): number {
    return this.#connection.active;
  }

  receive(chunk: Buffer): void {
    let at = 0;
    while (this.#prefaceSeen < preface.length && at < chunk.length) {
      if (chunk[at] !== preface[this.#prefaceSeen]) {
        return this.#connection.onBroken(PROTOCOL_ERROR, "no HTTP/2 client preface");
      }
      at += 1;
      this.#prefaceSeen += 1;
    }
    if (at < chunk.length) this.#connection.receiveFrom(chunk, at);
  }

  receiveEnd(): void {
    this.#connection.receiveEnd();
  }

  flushed(): void {
    this.#connection.flushed();
  }

  closed(reset: Parameters<Engine["closed"]>[0]): void {
    this.#connection.closed(reset);
  }

  tick(): void {
    if (this.#prefaceSeen < preface.length) {
      this.#prefaceTicks += 1;
      if (this.#prefaceTicks > this.#connection.limits.handshakeTicks) {
        this.#connection.onBroken(PROTOCOL_ERROR, "unfinished client preface", "handshakeTicks");
      }
    }
    this.#connection.tick();
  }

  drain(): void {
    this.#connection.drain();
  }

  ping(): boolean {
    return this.#connection.ping();
  }

  isIdle(streamId: number): boolean {
    if ((streamId & 1) === 0) return true;
    // Streams above the last GOAWAY were never looked at; what they hold is still on its way.
    return streamId > this.#connection.lastPeerStream && !this.#connection.ending;
  }

  onUnknownHeaders(streamId: number, end: boolean, selfDependent: boolean): void {
    const connection = this.#connection;
    connection.countRequest();
    if ((streamId & 1) === 0) {
      return connection.onBroken(PROTOCOL_ERROR, "client opened an even stream");
    }
    if (streamId <= connection.lastPeerStream) {
      return connection.strays.onMessage(streamId, "HEADERS");
    }
    // RFC 9113 6.8: what comes after the last GOAWAY is not for us, and may go to another connection.
    if (connection.ending) return;
    connection.lastPeerStream = streamId;
    if (connection.streams.size >= connection.settings.maxConcurrentStreams) {
      connection.stats.refused += 1;
      return connection.streams.refuse(streamId, REFUSED_STREAM);
    }
    if (selfDependent) return connection.streams.refuse(streamId, PROTOCOL_ERROR);
    if (connection.head.tooLarge) return this.#answerTooLarge(streamId, end);
    this.#accept(streamId, end);
  }

  #accept(streamId: number, end: boolean): void {
    const connection = this.#connection;
    const block = connection.head;
    const head = block.requestHead(connection.settings.extendedConnect);
    const { contentLength } = block;
    if (head === undefined || (end && contentLength > 0)) {
      connection.stats.malformed += 1;
      return connection.streams.refuse(streamId, PROTOCOL_ERROR);
    }
    const stream = connection.addStream(streamId);
    stream.state = end ? halfClosedRemote : open;
    stream.headReceived = true;
    stream.upgrade = head.protocol !== "";
    stream.tunnel = head.method === "CONNECT";
    stream.bodiless = false;
    if (!stream.tunnel && !stream.upgrade) stream.expected = contentLength;
    const reader = this.#acceptor.onRequest(head, end, stream);
    if (connection.streams.get(streamId) === stream) stream.reader = reader;
  }

  /** 431 costs the client its request, not the connection: the block was decoded, so HPACK is in step. */
  #answerTooLarge(streamId: number, end: boolean): void {
    const { sender, stats } = this.#connection;
    stats.headersTooLarge += 1;
    const start = sender.beginHeaders();
    sender.field(":status", "431");
    sender.field("content-length", "0");
    sender.endHeaders(start, streamId, true);
    if (!end) this.#connection.streams.refuse(streamId, NO_ERROR);
  }

  onResponseHead(): void {
    // Every stream here began with its head.
  }

  onGoaway(): void {
    // The client will take no pushes, of which there are none; it closes when it has its answers.
  }

  onStreamGone(): void {
    // The client counts its streams itself.
  }

  onDead(): void {
    // Each exchange hears of it by itself.
  }

  onSettings(): void {
    // The windows are all that matters, and the connection keeps them.
  }

  writeHead(stream: Stream, head: RequestHead | ResponseHead, end: boolean): void {
    if (!("status" in head)) return;
    const status = stream.upgrade ? upgradeStatus(head.status) : head.status;
    const informational = status < 200;
    if (informational && (status === 101 || end)) return;
    const { sender } = this.#connection;
    const start = sender.beginHeaders();
    sender.field(":status", `${status}`);
    sender.fields(head.headers);
    sender.endHeaders(start, stream.id, end);
    if (informational) return;
    stream.headSent = true;
    stream.state = sendHeaders(stream.state, end) as StreamState;
    this.#connection.streams.endIfClosed(stream);
  }
}

/** RFC 8441 5: success is 200 on the wire. A 2xx that did not switch protocols must not look like one that did. */
function upgradeStatus(status: number): number {
  if (status === 101) return 200;
  return status >= 200 && status < 300 ? 502 : status;
}
