/** Byte gear. One HTTP/2 connection, server or client side: what each frame does (RFC 9113 5, 6, 8). */
import type {
  Engine,
  EngineHost,
  HeaderList,
  RequestHead,
  Reset,
  ResponseHead,
} from "../exchange.ts";
import { DataReceiver } from "./data-receiver.ts";
import { Departure, drainPing } from "./departure.ts";
import { type FrameHandler, FrameParser } from "./frame-parser.ts";
import { HeadBlock } from "./head-block.ts";
import { HpackDecoder } from "./hpack/decoder.ts";
import { defaultLimits, FloodBudgets, type Http2Limits } from "./limits.ts";
import {
  COMPRESSION_ERROR,
  ENHANCE_YOUR_CALM,
  FLAG_ACK,
  FLOW_CONTROL_ERROR,
  FRAME_PING,
  FRAME_SETTINGS,
  FRAME_SIZE_ERROR,
  MAX_31_BITS,
  PROTOCOL_ERROR,
  SETTINGS_TIMEOUT,
  STREAM_CLOSED,
} from "./numbers.ts";
import { readSettings } from "./peer-settings.ts";
import { ReceiveFlow } from "./receive-flow.ts";
import { brokenConnection, closedByPeer, resetByPeer } from "./resets.ts";
import type { Role } from "./role.ts";
import { Sender } from "./sender.ts";
import {
  encodeSettings,
  type Http2Settings,
  type ResolvedSettings,
  resolveSettings,
} from "./settings.ts";
import { endStalled } from "./stalls.ts";
import { canReceive, canSend, closed, receiveHeaders, type StreamState } from "./state.ts";
import { countFlood, createHttp2Stats, type Http2Stats } from "./stats.ts";
import type { Stream } from "./stream.ts";
import { StreamTable, type StreamTableOwner } from "./stream-table.ts";

/** PING payload, so that the ack can be told from that of a drain. */
const keepalivePing = 0x6b_61_6c_76;

export class Connection implements Engine, FrameHandler, StreamTableOwner {
  readonly streams: StreamTable;
  readonly sender: Sender;
  readonly head: HeadBlock;
  readonly limits: Http2Limits;
  readonly budgets: FloodBudgets;
  readonly settings: ResolvedSettings;
  readonly stats: Http2Stats;
  /** The highest stream that the peer began. */
  lastPeerStream = 0;
  dead = false;
  /** What the peer's SETTINGS said. */
  peerMaxStreams = 100;
  peerExtendedConnect = false;
  settingsReceived = false;
  readonly #role: Role;
  readonly #host: EngineHost;
  readonly #decoder: HpackDecoder;
  readonly #parser: FrameParser;
  readonly #flow: ReceiveFlow;
  readonly #data: DataReceiver;
  readonly #departure: Departure;
  #settingsAcked = false;
  #pingOut = false;
  #ticks = 0;
  #blockTicks = 0;
  /** Of the requests of the newest chunk. */
  #headBytes = 0;
  /** The transport has a rest to show again, and the peer's end behind it. */
  #deferred = false;
  #endDeferred = false;

  constructor(host: EngineHost, role: Role, settings: Http2Settings) {
    this.#host = host;
    this.#role = role;
    this.settings = resolveSettings(settings);
    this.limits = { ...defaultLimits, ...settings.limits };
    this.stats = settings.stats ?? createHttp2Stats();
    this.budgets = new FloodBudgets(this.limits);
    this.sender = new Sender(host, this.settings, {
      budgets: this.budgets,
      buffers: settings.buffers,
      onEnded: (stream) => this.streams.onSent(stream),
    });
    this.#flow = new ReceiveFlow(this.sender, this.settings);
    const { sender, budgets, stats } = this;
    this.streams = new StreamTable(this, { sender, flow: this.#flow, budgets, stats });
    this.#data = new DataReceiver(this, { streams: this.streams, flow: this.#flow, budgets });
    this.head = new HeadBlock(this.limits);
    this.#decoder = new HpackDecoder(this.settings.headerTableSize);
    this.#parser = new FrameParser(this, this.settings.maxFrameSize, this.limits);
    this.#departure = new Departure(host, this);
  }

  /** Sends our part of the preface (3.4), behind what the role wrote. */
  begin(): void {
    const { headerListSize } = this.limits;
    const payload = encodeSettings(this.settings, headerListSize, this.#role.server);
    this.sender.controlBytes(FRAME_SETTINGS, 0, payload);
    this.#flow.begin();
  }

  get active(): number {
    return this.streams.size;
  }

  receive(chunk: Buffer): void {
    this.receiveFrom(chunk, 0);
  }

  receiveFrom(chunk: Buffer, at: number): void {
    if (this.dead) return;
    this.#headBytes = 0;
    const taken = this.#parser.receive(chunk, at);
    this.#deferred = taken < chunk.length && !this.dead;
    if (this.#deferred) {
      this.stats.deferrals += 1;
      this.#host.readAgain(chunk.subarray(taken));
    } else if (this.#endDeferred) {
      this.receiveEnd();
    }
    if (this.sender.controlFrames > this.limits.queuedControlFrames && !this.dead) {
      this.onBroken(ENHANCE_YOUR_CALM, "peer does not read our answers", "queuedControlFrames");
    }
  }

  receiveEnd(): void {
    if (this.dead) return;
    this.#endDeferred = this.#deferred;
    if (this.#deferred) return;
    this.#departure.ending = true;
    const reset = closedByPeer(this.#role.server);
    for (const stream of this.streams.all()) {
      if (canReceive(stream.state)) this.streams.cut(stream, reset);
    }
    this.#departure.finishIfIdle();
  }

  flushed(): void {
    this.sender.flushed();
  }

  closed(reset: Reset): void {
    this.#die(reset);
  }

  tick(): void {
    if (this.dead) return;
    this.#ticks += 1;
    this.budgets.refill();
    this.streams.tick();
    this.#blockTicks = this.#parser.inBlock ? this.#blockTicks + 1 : 0;
    const { handshakeTicks } = this.limits;
    if (this.#blockTicks > handshakeTicks) {
      return this.onBroken(ENHANCE_YOUR_CALM, "unfinished header block", "handshakeTicks");
    }
    if (!this.#settingsAcked && this.#ticks > handshakeTicks) {
      return this.onBroken(SETTINGS_TIMEOUT, "SETTINGS without ack", "handshakeTicks");
    }
    this.#departure.settle();
    if (this.sender.waiting.length > 0) endStalled(this);
  }

  drain(): void {
    if (!this.dead) this.#departure.begin(this.#role.server);
  }

  /** No more requests can come. */
  get ending(): boolean {
    return this.#departure.ending;
  }

  /** The peer takes no more of them: it is over with the last stream. */
  endWhenIdle(): void {
    this.#departure.ending = true;
    this.#departure.finishIfIdle();
  }

  /** Asks whether the peer is there; false if it has not answered the last time. */
  ping(): boolean {
    if (this.#pingOut || this.dead) return false;
    this.#pingOut = true;
    this.sender.control(FRAME_PING, 0, 0, keepalivePing, 0);
    return true;
  }

  // The peer's frames.

  onHeaders(
    streamId: number,
    end: boolean,
    dependency: number,
    bytes: Buffer,
    start: number,
    stop: number,
  ): void {
    const { head } = this;
    head.begin();
    const problem = this.#decoder.decode(bytes, start, stop, head);
    if (problem !== "") return this.onBroken(COMPRESSION_ERROR, problem);
    this.budgets.usefulFrameReceived();
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      return this.#role.onUnknownHeaders(streamId, end, dependency === streamId);
    }
    const next = receiveHeaders(stream.state, end);
    if (next < 0) return this.streams.fail(stream, -next, "HEADERS after END_STREAM");
    if (dependency === streamId) {
      return this.streams.fail(stream, PROTOCOL_ERROR, "stream depends on itself");
    }
    if (!stream.headReceived) return this.#role.onResponseHead(stream, end);
    this.#onTrailers(stream, end, next as StreamState);
  }

  #onTrailers(stream: Stream, end: boolean, next: StreamState): void {
    if (!end) return this.streams.fail(stream, PROTOCOL_ERROR, "trailers without END_STREAM");
    if (this.head.tooLarge) {
      this.stats.headersTooLarge += 1;
      return this.streams.fail(stream, PROTOCOL_ERROR, "trailers too large", "header_too_large");
    }
    const trailers = this.head.trailers();
    if (trailers === undefined) return this.streams.malformed(stream, this.head.problem);
    if (stream.expected >= 0 && stream.received !== stream.expected) {
      return this.streams.malformed(stream, "content-length differs from the body");
    }
    stream.state = next;
    stream.reader?.onTrailers(trailers);
    this.streams.endIfClosed(stream);
  }

  onDataFrame(streamId: number, length: number, dataLength: number, end: boolean): void {
    this.#data.onFrame(streamId, length, dataLength, end);
  }

  onDataPiece(piece: Buffer, last: boolean): void {
    this.#data.onPiece(piece, last);
  }

  onPriority(streamId: number, dependency: number): void {
    if ((this.budgets.priorities -= 1) < 0) return this.flood("priorities");
    if (dependency !== -1 && dependency !== streamId) return;
    const code = dependency === -1 ? FRAME_SIZE_ERROR : PROTOCOL_ERROR;
    const stream = this.streams.get(streamId);
    if (stream !== undefined) return this.streams.fail(stream, code, "malformed PRIORITY");
    if (this.#role.isIdle(streamId)) return this.onBroken(code, "malformed PRIORITY");
    this.streams.refuse(streamId, code);
  }

  onReset(streamId: number, code: number): void {
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      if (this.#role.isIdle(streamId)) return this.onBroken(PROTOCOL_ERROR, "RST_STREAM when idle");
      if ((this.budgets.ignoredFrames -= 1) < 0) this.flood("ignoredFrames");
      return;
    }
    const { server } = this.#role;
    this.streams.resetByPeer(stream, resetByPeer(server, code), server);
  }

  onSettings(payload: Buffer): void {
    if ((this.budgets.settings -= 1) < 0) return this.flood("settings");
    const before = this.sender.initialWindow;
    const failure = readSettings(payload, this, this.#role.server);
    if (failure !== undefined) return this.onBroken(failure.code, failure.detail);
    this.sender.controlBytes(FRAME_SETTINGS, FLAG_ACK, noBytes);
    this.settingsReceived = true;
    const growth = this.sender.initialWindow - before;
    if (growth !== 0) {
      if (this.streams.growWindows(growth) > MAX_31_BITS) {
        return this.onBroken(FLOW_CONTROL_ERROR, "window larger than 2^31-1");
      }
      this.sender.resumeAll();
    }
    this.#role.onSettings();
  }

  onSettingsAck(): void {
    this.#settingsAcked = true;
  }

  onPing(payload: Buffer, ack: boolean): void {
    if (!ack) {
      if ((this.budgets.pings -= 1) < 0) return this.flood("pings");
      return this.sender.controlBytes(FRAME_PING, FLAG_ACK, payload);
    }
    const question = payload.readUInt32BE(0);
    if (question === keepalivePing) this.#pingOut = false;
    if (question === drainPing) this.#departure.settle();
  }

  onGoaway(lastStreamId: number, code: number): void {
    this.stats.goawaysReceived += 1;
    this.#role.onGoaway(lastStreamId, code);
  }

  onWindowUpdate(streamId: number, increment: number): void {
    if ((this.budgets.windowUpdates -= 1) < 0) return this.flood("windowUpdates");
    const { sender } = this;
    if (streamId === 0) {
      if (increment === 0) return this.onBroken(PROTOCOL_ERROR, "WINDOW_UPDATE of nothing");
      sender.window += increment;
      if (sender.window > MAX_31_BITS) {
        return this.onBroken(FLOW_CONTROL_ERROR, "window larger than 2^31-1");
      }
      return sender.resumeAll();
    }
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      if (this.#role.isIdle(streamId)) this.onBroken(PROTOCOL_ERROR, "WINDOW_UPDATE when idle");
      return;
    }
    if (increment === 0)
      return this.streams.fail(stream, PROTOCOL_ERROR, "WINDOW_UPDATE of nothing");
    stream.sendWindow += increment;
    if (stream.sendWindow > MAX_31_BITS) {
      return this.streams.fail(stream, FLOW_CONTROL_ERROR, "window larger than 2^31-1");
    }
    sender.resumeStream(stream);
  }

  onUnknownFrame(): void {
    if ((this.budgets.ignoredFrames -= 1) < 0) this.flood("ignoredFrames");
  }

  onBroken(code: number, detail: string, limit?: keyof Http2Limits): void {
    if (this.dead) return;
    this.stats.connectionErrors += 1;
    if (limit !== undefined) countFlood(this.stats, limit);
    this.sender.goaway(this.lastPeerStream, code, detail);
    const reset = brokenConnection(code, detail, limit !== undefined);
    this.#die(reset);
    this.#host.close(reset, true);
  }

  // The owner's wishes, through the stream that it holds.

  sendHead(stream: Stream, head: RequestHead | ResponseHead, end: boolean): void {
    if (!canSend(stream.state) || stream.headSent || this.dead) return;
    this.#role.writeHead(stream, head, end);
  }

  sendData(stream: Stream, chunk: Uint8Array, end: boolean): void {
    if (!canSend(stream.state) || !stream.headSent || stream.endQueued || this.dead) return;
    this.sender.data(stream, chunk, end);
  }

  sendTrailers(stream: Stream, headers: HeaderList): void {
    if (!canSend(stream.state) || !stream.headSent || stream.endQueued || this.dead) return;
    this.sender.trailers(stream, headers);
  }

  resetStream(stream: Stream, reset: Reset): void {
    if (stream.state === closed || this.dead) return;
    this.streams.resetByOwner(stream, reset);
  }

  grant(stream: Stream, bytes: number): void {
    const count = Math.min(bytes, stream.ungranted);
    if (count <= 0 || this.dead) return;
    stream.ungranted -= count;
    this.#flow.owe(count);
    if (canReceive(stream.state)) this.#flow.oweStream(stream, count);
  }

  // What the roles share.

  /** A request has come; a burst of them is not to keep others waiting. */
  countRequest(): void {
    this.#headBytes += this.head.size;
    if (this.#headBytes >= this.limits.headBytesPerTurn) this.#parser.yield();
  }

  /** Makes a stream; its state is still idle. */
  addStream(streamId: number): Stream {
    return this.streams.add(streamId, this.#flow.streamWindow(this.#settingsAcked));
  }

  /** DATA or HEADERS for a stream that is not there. */
  onStrayFrame(streamId: number, type: string): void {
    if (this.#role.isIdle(streamId)) return this.onBroken(PROTOCOL_ERROR, `${type} when idle`);
    if ((this.budgets.ignoredFrames -= 1) < 0) return this.flood("ignoredFrames");
    // After our RST_STREAM the peer's frames are still on their way; after its own, or its END_STREAM, they are wrong.
    const ours = this.streams.resetByUs(streamId);
    if (ours === true || (this.ending && streamId > this.lastPeerStream)) return;
    if (ours === false) return this.streams.refuse(streamId, STREAM_CLOSED);
    this.onBroken(STREAM_CLOSED, `${type} on a closed stream`);
  }

  flood(limit: keyof Http2Limits): void {
    this.onBroken(ENHANCE_YOUR_CALM, `more than allowed by ${limit}`, limit);
  }

  onGone(): void {
    this.#role.onStreamGone();
    this.#departure.finishIfIdle();
  }

  #die(reset: Reset): void {
    if (this.dead) return;
    this.dead = true;
    this.#parser.stop();
    this.#role.onDead();
    this.streams.endAll(reset);
  }
}

const noBytes = new Uint8Array(0);
