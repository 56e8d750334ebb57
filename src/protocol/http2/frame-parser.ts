/** Byte gear. Cuts the incoming bytes into frames (RFC 9113 4, 6), with every length checked before a byte is kept. */
import type { Http2Limits } from "./limits.ts";
import {
  ENHANCE_YOUR_CALM,
  FLAG_ACK,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FLAG_PADDED,
  FLAG_PRIORITY,
  FRAME_CONTINUATION,
  FRAME_DATA,
  FRAME_GOAWAY,
  FRAME_HEADER_LENGTH,
  FRAME_HEADERS,
  FRAME_PING,
  FRAME_PRIORITY,
  FRAME_PUSH_PROMISE,
  FRAME_RST_STREAM,
  FRAME_SETTINGS,
  FRAME_SIZE_ERROR,
  FRAME_WINDOW_UPDATE,
  PROTOCOL_ERROR,
} from "./numbers.ts";

/** Hears of each frame. Buffers are valid only during the call. */
export interface FrameHandler {
  /** A DATA frame begins; `length` is what it takes from the windows, `dataLength` is without padding. */
  onDataFrame(streamId: number, length: number, dataLength: number, end: boolean): void;
  /** A piece of the data of that frame; `last` once, with its last (perhaps empty) piece. */
  onDataPiece(piece: Buffer, last: boolean): void;
  /** A whole header block, `bytes[start, stop)`; `dependency` is that of the HEADERS frame's priority, or -1. */
  onHeaders(
    streamId: number,
    end: boolean,
    dependency: number,
    bytes: Buffer,
    start: number,
    stop: number,
  ): void;
  onPriority(streamId: number, dependency: number): void;
  onReset(streamId: number, code: number): void;
  onSettings(payload: Buffer): void;
  onSettingsAck(): void;
  onPing(payload: Buffer, ack: boolean): void;
  onGoaway(lastStreamId: number, code: number): void;
  onWindowUpdate(streamId: number, increment: number): void;
  onUnknownFrame(): void;
  /** The connection cannot go on; the parser takes nothing more. `limit` names the limit that was crossed. */
  onBroken(code: number, detail: string, limit?: keyof Http2Limits): void;
}

const empty: Buffer = Buffer.alloc(0);

/** What the bytes to come are. */
const inHeader = 0;
const inPadLength = 1;
const inData = 2;
const inPayload = 3;
const inSkipped = 4;

/** More settings than there are, several times over, say nothing new. */
const maxSettingsPayload = 64 * 6;
/** Kept of a GOAWAY; its debug text is for people, and we have none at hand. */
const goawayLength = 8;

export class FrameParser {
  readonly #handler: FrameHandler;
  readonly #maxFrameSize: number;
  readonly #limits: Http2Limits;
  #stopped = false;
  #yielded = false;
  #phase = inHeader;
  #type = 0;
  #flags = 0;
  #streamId = 0;
  /** Bytes of the current frame still to come, padding included. */
  #left = 0;
  #padding = 0;
  /** A frame header or payload of which only a part has come. */
  readonly #headerBytes: Buffer = Buffer.allocUnsafeSlow(FRAME_HEADER_LENGTH);
  #partial: Buffer = empty;
  #held = 0;
  /** Fragments of a header block that goes on in CONTINUATION frames, and for which stream. */
  #blockStream = 0;
  #blockEnd = false;
  #blockDependency = -1;
  #block: Buffer = empty;
  #continuations = 0;
  #firstFrame = true;

  constructor(handler: FrameHandler, maxFrameSize: number, limits: Http2Limits) {
    this.#handler = handler;
    this.#maxFrameSize = maxFrameSize;
    this.#limits = limits;
  }

  /** A header block has begun and not ended. */
  get inBlock(): boolean {
    return this.#blockStream !== 0;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Called when a frame has been handed on: nothing more is taken of this chunk. */
  yield(): void {
    this.#yielded = true;
  }

  /** Takes `chunk` from `at` on; gives the position behind what was taken. */
  receive(chunk: Buffer, at: number): number {
    const end = chunk.length;
    this.#yielded = false;
    while (!this.#stopped && !this.#yielded) {
      if (this.#phase === inHeader) {
        if (at === end) return at;
        if (this.#held === 0 && end - at >= FRAME_HEADER_LENGTH) {
          this.#beginFrame(chunk, at);
          at += FRAME_HEADER_LENGTH;
        } else {
          const taken = Math.min(FRAME_HEADER_LENGTH - this.#held, end - at);
          chunk.copy(this.#headerBytes, this.#held, at, at + taken);
          this.#held += taken;
          at += taken;
          if (this.#held < FRAME_HEADER_LENGTH) return at;
          this.#held = 0;
          this.#beginFrame(this.#headerBytes, 0);
        }
      } else if (this.#phase === inPayload) {
        if (this.#held === 0 && end - at >= this.#left) {
          const stop = at + this.#left;
          this.#phase = inHeader;
          this.#endFrame(chunk, at, stop);
          at = stop;
        } else {
          const taken = Math.min(this.#left - this.#held, end - at);
          this.#keepPart(chunk, at, taken);
          at += taken;
          if (this.#held < this.#left) return at;
          const payload = this.#partial;
          this.#partial = empty;
          this.#held = 0;
          this.#phase = inHeader;
          this.#endFrame(payload, 0, this.#left);
        }
      } else {
        if (at === end && this.#left > 0) return at;
        at = this.#takeData(chunk, at, end);
      }
    }
    return at;
  }

  /** Grows with what has come: a frame that only announces its length costs nothing. */
  #keepPart(chunk: Buffer, at: number, count: number): void {
    const needed = this.#held + count;
    if (needed > this.#partial.length) {
      const size = Math.min(this.#left, Math.max(needed, this.#partial.length * 2));
      const grown = Buffer.allocUnsafeSlow(size);
      this.#partial.copy(grown, 0, 0, this.#held);
      this.#partial = grown;
    }
    chunk.copy(this.#partial, this.#held, at, at + count);
    this.#held = needed;
  }

  #takeData(chunk: Buffer, at: number, end: number): number {
    if (this.#phase === inPadLength) {
      this.#padding = chunk[at]!;
      this.#left -= 1;
      // RFC 9113 6.1: padding may fill all of the rest, but not more.
      if (this.#padding > this.#left) {
        this.#break(PROTOCOL_ERROR, "padding longer than its frame");
        return at;
      }
      this.#beginData(this.#left + 1);
      return at + 1;
    }
    if (this.#phase === inSkipped) {
      const taken = Math.min(this.#left, end - at);
      this.#left -= taken;
      if (this.#left === 0) this.#phase = inHeader;
      return at + taken;
    }
    const wanted = this.#left - this.#padding;
    const taken = Math.min(wanted, end - at);
    this.#left -= taken;
    const last = taken === wanted;
    if (last) this.#phase = this.#left > 0 ? inSkipped : inHeader;
    this.#handler.onDataPiece(chunk.subarray(at, at + taken), last);
    return at + taken;
  }

  #beginData(length: number): void {
    this.#phase = inData;
    this.#handler.onDataFrame(
      this.#streamId,
      length,
      this.#left - this.#padding,
      (this.#flags & FLAG_END_STREAM) !== 0,
    );
  }

  #beginFrame(bytes: Buffer, at: number): void {
    const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    const type = bytes[at + 3]!;
    this.#type = type;
    this.#flags = bytes[at + 4]!;
    this.#streamId =
      ((bytes[at + 5]! & 0x7f) << 24) |
      (bytes[at + 6]! << 16) |
      (bytes[at + 7]! << 8) |
      bytes[at + 8]!;
    this.#left = length;
    if (this.#firstFrame) {
      this.#firstFrame = false;
      // RFC 9113 3.4.
      if (type !== FRAME_SETTINGS || (this.#flags & FLAG_ACK) !== 0) {
        return this.#break(PROTOCOL_ERROR, "first frame is not SETTINGS");
      }
    }
    if (length > this.#maxFrameSize) {
      return this.#break(FRAME_SIZE_ERROR, `frame of ${length} bytes`);
    }
    if (this.#blockStream !== 0) {
      if (type !== FRAME_CONTINUATION || this.#streamId !== this.#blockStream) {
        return this.#break(PROTOCOL_ERROR, "frame inside a header block");
      }
    }
    if (type === FRAME_DATA) {
      if (this.#streamId === 0) return this.#break(PROTOCOL_ERROR, "DATA on stream 0");
      this.#padding = 0;
      if ((this.#flags & FLAG_PADDED) === 0) return this.#beginData(length);
      if (length === 0) return this.#break(FRAME_SIZE_ERROR, "padded DATA without pad length");
      this.#phase = inPadLength;
      return;
    }
    this.#checkFrame(type, length);
  }

  /** RFC 9113 6.2 to 6.10: which stream and which length each type must have. */
  #checkFrame(type: number, length: number): void {
    const onStream = this.#streamId !== 0;
    this.#phase = inPayload;
    switch (type) {
      case FRAME_HEADERS:
      case FRAME_CONTINUATION:
        return this.#checkBlock(type, length, onStream);
      case FRAME_PRIORITY:
        if (!onStream) return this.#break(PROTOCOL_ERROR, "PRIORITY on stream 0");
        // A wrong length is only an error of the stream (6.3), told apart when the payload is here.
        if (length > 64) return this.#break(FRAME_SIZE_ERROR, "PRIORITY of a wrong length");
        return;
      case FRAME_RST_STREAM:
        if (!onStream) return this.#break(PROTOCOL_ERROR, "RST_STREAM on stream 0");
        if (length !== 4) return this.#break(FRAME_SIZE_ERROR, "RST_STREAM of a wrong length");
        return;
      case FRAME_SETTINGS: {
        if (onStream) return this.#break(PROTOCOL_ERROR, "SETTINGS on a stream");
        const ack = (this.#flags & FLAG_ACK) !== 0;
        if (ack ? length !== 0 : length % 6 !== 0) {
          return this.#break(FRAME_SIZE_ERROR, "SETTINGS of a wrong length");
        }
        if (length > maxSettingsPayload) return this.#flood("settings");
        return;
      }
      case FRAME_PUSH_PROMISE:
        // We said SETTINGS_ENABLE_PUSH 0, and a client must never send one (8.4).
        return this.#break(PROTOCOL_ERROR, "PUSH_PROMISE");
      case FRAME_PING:
        if (onStream) return this.#break(PROTOCOL_ERROR, "PING on a stream");
        if (length !== 8) return this.#break(FRAME_SIZE_ERROR, "PING of a wrong length");
        return;
      case FRAME_GOAWAY:
        if (onStream) return this.#break(PROTOCOL_ERROR, "GOAWAY on a stream");
        if (length < goawayLength) return this.#break(FRAME_SIZE_ERROR, "GOAWAY of a wrong length");
        return;
      case FRAME_WINDOW_UPDATE:
        if (length !== 4) return this.#break(FRAME_SIZE_ERROR, "WINDOW_UPDATE of a wrong length");
        return;
      default:
        this.#phase = length === 0 ? inHeader : inSkipped;
        this.#handler.onUnknownFrame();
    }
  }

  #checkBlock(type: number, length: number, onStream: boolean): void {
    if (!onStream) return this.#break(PROTOCOL_ERROR, "HEADERS on stream 0");
    if (type === FRAME_CONTINUATION) {
      if (this.#blockStream === 0) return this.#break(PROTOCOL_ERROR, "CONTINUATION of nothing");
      this.#continuations += 1;
      if (this.#continuations > this.#limits.continuations) return this.#flood("continuations");
    }
    if (this.#block.length + length > this.#limits.headerBlockSize) this.#flood("headerBlockSize");
  }

  #endFrame(bytes: Buffer, start: number, stop: number): void {
    const handler = this.#handler;
    switch (this.#type) {
      case FRAME_HEADERS:
        return this.#endHeaders(bytes, start, stop);
      case FRAME_CONTINUATION:
        return this.#addFragment(bytes.subarray(start, stop));
      case FRAME_PRIORITY:
        return handler.onPriority(
          this.#streamId,
          stop - start === 5 ? readUint31(bytes, start) : -1,
        );
      case FRAME_RST_STREAM:
        return handler.onReset(this.#streamId, readUint32(bytes, start));
      case FRAME_SETTINGS:
        if ((this.#flags & FLAG_ACK) !== 0) return handler.onSettingsAck();
        return handler.onSettings(bytes.subarray(start, stop));
      case FRAME_PING:
        return handler.onPing(bytes.subarray(start, stop), (this.#flags & FLAG_ACK) !== 0);
      case FRAME_GOAWAY:
        return handler.onGoaway(readUint31(bytes, start), readUint32(bytes, start + 4));
      default:
        return handler.onWindowUpdate(this.#streamId, readUint31(bytes, start));
    }
  }

  #endHeaders(bytes: Buffer, start: number, stop: number): void {
    let from = start;
    let to = stop;
    if ((this.#flags & FLAG_PADDED) !== 0) {
      if (from === to) return this.#break(FRAME_SIZE_ERROR, "padded HEADERS without pad length");
      to -= bytes[from]!;
      from += 1;
    }
    let dependency = -1;
    if ((this.#flags & FLAG_PRIORITY) !== 0) {
      if (to - from < 5) return this.#break(FRAME_SIZE_ERROR, "HEADERS without room for priority");
      dependency = readUint31(bytes, from);
      from += 5;
    }
    if (from > to) return this.#break(PROTOCOL_ERROR, "padding longer than its frame");
    const end = (this.#flags & FLAG_END_STREAM) !== 0;
    if ((this.#flags & FLAG_END_HEADERS) !== 0) {
      return this.#handler.onHeaders(this.#streamId, end, dependency, bytes, from, to);
    }
    this.#blockStream = this.#streamId;
    this.#blockEnd = end;
    this.#blockDependency = dependency;
    this.#continuations = 0;
    this.#block = Buffer.from(bytes.subarray(from, to));
  }

  #addFragment(fragment: Buffer): void {
    const block = Buffer.concat([this.#block, fragment]);
    if ((this.#flags & FLAG_END_HEADERS) === 0) {
      this.#block = block;
      return;
    }
    const streamId = this.#blockStream;
    this.#blockStream = 0;
    this.#block = empty;
    const { length } = block;
    this.#handler.onHeaders(streamId, this.#blockEnd, this.#blockDependency, block, 0, length);
  }

  #flood(limit: keyof Http2Limits): void {
    this.#stopped = true;
    this.#handler.onBroken(ENHANCE_YOUR_CALM, `more than allowed by ${limit}`, limit);
  }

  #break(code: number, detail: string): void {
    this.#stopped = true;
    this.#handler.onBroken(code, detail);
  }
}

function readUint31(bytes: Buffer, at: number): number {
  return (
    ((bytes[at]! & 0x7f) << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  );
}

function readUint32(bytes: Buffer, at: number): number {
  return (
    bytes[at]! * 0x100_0000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8)) + bytes[at + 3]!
  );
}
