/** Byte gear. What each frame of the peer does (RFC 9113 6); those of messages have a receiver of their own. */
import type { DataReceiver } from "./data-receiver.ts";
import type { Faults } from "./faults.ts";
import type { FrameHandler } from "./frame-parser.ts";
import type { HeaderReceiver } from "./header-receiver.ts";
import type { FloodBudgets, Http2Limits } from "./limits.ts";
import {
  FLAG_ACK,
  FLOW_CONTROL_ERROR,
  FRAME_PING,
  FRAME_SETTINGS,
  FRAME_SIZE_ERROR,
  MAX_31_BITS,
  PROTOCOL_ERROR,
} from "./numbers.ts";
import type { PeerSettings } from "./peer-settings.ts";
import { resetByPeer } from "./resets.ts";
import type { Role } from "./role.ts";
import type { Sender } from "./sender.ts";
import type { Http2Stats } from "./stats.ts";
import type { StrayFrames } from "./stray-frames.ts";
import type { StreamTable } from "./stream-table.ts";

export interface FrameReceiverOwner extends Faults {
  /** The peer gave the PING back that began with these 32 bits. */
  onPingAck(question: number): void;
}

export interface FrameReceiverParts {
  readonly role: Role;
  readonly sender: Sender;
  readonly streams: StreamTable;
  readonly budgets: FloodBudgets;
  readonly stats: Http2Stats;
  readonly peer: PeerSettings;
  readonly headers: HeaderReceiver;
  readonly data: DataReceiver;
  readonly strays: StrayFrames;
}

export class FrameReceiver implements FrameHandler {
  readonly #owner: FrameReceiverOwner;
  readonly #role: Role;
  readonly #sender: Sender;
  readonly #streams: StreamTable;
  readonly #budgets: FloodBudgets;
  readonly #stats: Http2Stats;
  readonly #peer: PeerSettings;
  readonly #headers: HeaderReceiver;
  readonly #data: DataReceiver;
  readonly #strays: StrayFrames;

  constructor(owner: FrameReceiverOwner, parts: FrameReceiverParts) {
    this.#owner = owner;
    this.#role = parts.role;
    this.#sender = parts.sender;
    this.#streams = parts.streams;
    this.#budgets = parts.budgets;
    this.#stats = parts.stats;
    this.#peer = parts.peer;
    this.#headers = parts.headers;
    this.#data = parts.data;
    this.#strays = parts.strays;
  }

  onHeaders(
    streamId: number,
    end: boolean,
    dependency: number,
    bytes: Buffer,
    start: number,
    stop: number,
  ): void {
    this.#headers.onBlock(streamId, end, dependency, bytes, start, stop);
  }

  onDataFrame(streamId: number, length: number, dataLength: number, end: boolean): void {
    this.#data.onFrame(streamId, length, dataLength, end);
  }

  onDataPiece(piece: Buffer, last: boolean): void {
    this.#data.onPiece(piece, last);
  }

  onPriority(streamId: number, dependency: number): void {
    if ((this.#budgets.priorities -= 1) < 0) return this.#owner.flood("priorities");
    if (dependency !== -1 && dependency !== streamId) return;
    const code = dependency === -1 ? FRAME_SIZE_ERROR : PROTOCOL_ERROR;
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return this.#strays.onPriority(streamId, code);
    this.#streams.fail(stream, code, "malformed PRIORITY");
  }

  onReset(streamId: number, code: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return this.#strays.onReset(streamId);
    const { server } = this.#role;
    this.#streams.resetByPeer(stream, resetByPeer(server, code), server);
  }

  onSettings(payload: Buffer): void {
    if ((this.#budgets.settings -= 1) < 0) return this.#owner.flood("settings");
    const sender = this.#sender;
    const before = sender.initialWindow;
    const failure = this.#peer.read(payload, this.#role.server);
    if (failure !== undefined) return this.#owner.onBroken(failure.code, failure.detail);
    sender.controlBytes(FRAME_SETTINGS, FLAG_ACK, noBytes);
    this.#peer.received = true;
    const growth = sender.initialWindow - before;
    if (growth !== 0) {
      if (this.#streams.growWindows(growth) > MAX_31_BITS) return this.#overflowConnection();
      sender.resumeAll();
    }
    this.#role.onSettings();
  }

  onSettingsAck(): void {
    this.#peer.acknowledged = true;
  }

  onPing(payload: Buffer, ack: boolean): void {
    if (ack) return this.#owner.onPingAck(payload.readUInt32BE(0));
    if ((this.#budgets.pings -= 1) < 0) return this.#owner.flood("pings");
    this.#sender.controlBytes(FRAME_PING, FLAG_ACK, payload);
  }

  onGoaway(lastStreamId: number, code: number): void {
    this.#stats.goawaysReceived += 1;
    this.#role.onGoaway(lastStreamId, code);
  }

  onWindowUpdate(streamId: number, increment: number): void {
    if ((this.#budgets.windowUpdates -= 1) < 0) return this.#owner.flood("windowUpdates");
    if (streamId === 0) return this.#growConnection(increment);
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return this.#strays.onWindowUpdate(streamId);
    if (increment === 0) {
      return this.#streams.fail(stream, PROTOCOL_ERROR, "WINDOW_UPDATE of nothing");
    }
    stream.sendWindow += increment;
    if (stream.sendWindow > MAX_31_BITS) {
      return this.#streams.fail(stream, FLOW_CONTROL_ERROR, windowTooLarge);
    }
    this.#sender.resumeStream(stream);
  }

  #growConnection(increment: number): void {
    if (increment === 0) return this.#owner.onBroken(PROTOCOL_ERROR, "WINDOW_UPDATE of nothing");
    const sender = this.#sender;
    sender.window += increment;
    if (sender.window > MAX_31_BITS) return this.#overflowConnection();
    sender.resumeAll();
  }

  #overflowConnection(): void {
    this.#owner.onBroken(FLOW_CONTROL_ERROR, windowTooLarge);
  }

  onUnknownFrame(): void {
    this.#strays.onUnknown();
  }

  onBroken(code: number, detail: string, limit?: keyof Http2Limits): void {
    this.#owner.onBroken(code, detail, limit);
  }
}

const noBytes = new Uint8Array(0);
const windowTooLarge = "window larger than 2^31-1";
