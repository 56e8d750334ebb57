/** Byte gear. One HTTP/2 connection, server or client side: how it begins, is driven by its transport, and ends. */
import type { Engine, EngineHost, Reset } from "../exchange.ts";
import { DataReceiver } from "./data-receiver.ts";
import { Departure, drainPing } from "./departure.ts";
import { FrameParser } from "./frame-parser.ts";
import { FrameReceiver, type FrameReceiverOwner } from "./frame-receiver.ts";
import { HeadBlock } from "./head-block.ts";
import { HeaderReceiver } from "./header-receiver.ts";
import { defaultLimits, FloodBudgets, type Http2Limits } from "./limits.ts";
import { ENHANCE_YOUR_CALM, FRAME_PING, FRAME_SETTINGS, SETTINGS_TIMEOUT } from "./numbers.ts";
import { OwnerWishes, type WishedConnection } from "./owner-wishes.ts";
import { PeerSettings } from "./peer-settings.ts";
import { ReceiveFlow } from "./receive-flow.ts";
import { brokenConnection, closedByPeer } from "./resets.ts";
import type { Role } from "./role.ts";
import { Sender } from "./sender.ts";
import {
  encodeSettings,
  type Http2Settings,
  type ResolvedSettings,
  resolveSettings,
} from "./settings.ts";
import { endStalled } from "./stalls.ts";
import { canReceive } from "./state.ts";
import { countFlood, createHttp2Stats, type Http2Stats } from "./stats.ts";
import { StrayFrames, type StrayFramesOwner } from "./stray-frames.ts";
import type { Stream } from "./stream.ts";
import { StreamTable, type StreamTableOwner } from "./stream-table.ts";

/** PING payload, so that the ack can be told from that of a drain. */
const keepalivePing = 0x6b_61_6c_76;

export class Connection
  implements Engine, FrameReceiverOwner, StrayFramesOwner, StreamTableOwner, WishedConnection
{
  readonly streams: StreamTable;
  readonly sender: Sender;
  readonly peer: PeerSettings;
  readonly head: HeadBlock;
  readonly strays: StrayFrames;
  readonly limits: Http2Limits;
  readonly settings: ResolvedSettings;
  readonly stats: Http2Stats;
  /** The highest stream that the peer began. */
  lastPeerStream = 0;
  dead = false;
  readonly #role: Role;
  readonly #host: EngineHost;
  readonly #budgets: FloodBudgets;
  readonly #parser: FrameParser;
  readonly #flow: ReceiveFlow;
  readonly #departure: Departure;
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
    const budgets = new FloodBudgets(this.limits);
    this.#budgets = budgets;
    const { buffers } = settings;
    const onEnded = (stream: Stream): void => this.streams.onSent(stream);
    this.sender = new Sender(host, this.settings, { budgets, buffers, onEnded });
    this.peer = new PeerSettings(this.sender);
    const flow = new ReceiveFlow(this.sender, this.settings);
    this.#flow = flow;
    const link = new OwnerWishes(this, role, flow);
    const { sender, stats } = this;
    this.streams = new StreamTable(this, { link, sender, flow, budgets, stats });
    this.head = new HeadBlock(this.limits);
    this.strays = new StrayFrames(this, { role, streams: this.streams, budgets });
    this.#parser = new FrameParser(this.#createReceiver(), this.settings.maxFrameSize, this.limits);
    this.#departure = new Departure(host, this);
  }

  #createReceiver(): FrameReceiver {
    const { settings, sender, streams, stats, peer, head, strays } = this;
    const role = this.#role;
    const flow = this.#flow;
    const budgets = this.#budgets;
    const tableSize = settings.headerTableSize;
    const headers = new HeaderReceiver(this, { role, streams, budgets, stats, head, tableSize });
    const data = new DataReceiver(this, { streams, flow, budgets, strays });
    const parts = { role, sender, streams, budgets, stats, peer, headers, data, strays };
    return new FrameReceiver(this, parts);
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

  /** Makes a stream; its state is still idle. */
  addStream(streamId: number): Stream {
    return this.streams.add(streamId, this.#flow.streamWindow(this.peer.acknowledged));
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

  /** A request has come; a burst of them is not to keep others waiting. */
  countRequest(): void {
    this.#headBytes += this.head.size;
    if (this.#headBytes >= this.limits.headBytesPerTurn) this.#parser.yield();
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

  tick(): void {
    if (this.dead) return;
    this.#ticks += 1;
    this.#budgets.refill();
    this.streams.tick();
    this.#blockTicks = this.#parser.inBlock ? this.#blockTicks + 1 : 0;
    const { handshakeTicks } = this.limits;
    if (this.#blockTicks > handshakeTicks) {
      return this.onBroken(ENHANCE_YOUR_CALM, "unfinished header block", "handshakeTicks");
    }
    if (!this.peer.acknowledged && this.#ticks > handshakeTicks) {
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

  onGone(): void {
    this.#role.onStreamGone();
    this.#departure.finishIfIdle();
  }

  /** Asks whether the peer is there; false if it has not answered the last time. */
  ping(): boolean {
    if (this.#pingOut || this.dead) return false;
    this.#pingOut = true;
    this.sender.control(FRAME_PING, 0, 0, keepalivePing, 0);
    return true;
  }

  onPingAck(question: number): void {
    if (question === keepalivePing) this.#pingOut = false;
    if (question === drainPing) this.#departure.settle();
  }

  flood(limit: keyof Http2Limits): void {
    this.onBroken(ENHANCE_YOUR_CALM, `more than allowed by ${limit}`, limit);
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

  closed(reset: Reset): void {
    this.#die(reset);
  }

  #die(reset: Reset): void {
    if (this.dead) return;
    this.dead = true;
    this.#parser.stop();
    this.#role.onDead();
    this.streams.endAll(reset);
  }
}
