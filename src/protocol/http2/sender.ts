/** Byte gear. The outgoing half of a connection: writes frames straight into the transport's buffer and keeps windows. */
import type { BufferLender } from "../buffer-pool.ts";
import type { EngineHost, HeaderList } from "../exchange.ts";
import { ByteQueue } from "./byte-queue.ts";
import { HpackEncoder } from "./hpack/encoder.ts";
import type { FloodBudgets } from "./limits.ts";
import {
  DEFAULT_MAX_FRAME_SIZE,
  DEFAULT_WINDOW,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FRAME_CONTINUATION,
  FRAME_DATA,
  FRAME_GOAWAY,
  FRAME_HEADER_LENGTH,
  FRAME_HEADERS,
  FRAME_RST_STREAM,
  FRAME_WINDOW_UPDATE,
  MAX_31_BITS,
} from "./numbers.ts";
import type { ResolvedSettings } from "./settings.ts";
import { closed, type StreamState, sendData } from "./state.ts";
import type { Stream } from "./stream.ts";

/**
 * With its header the frame of a long body fills one TLS record (RFC 8446 5.1), so that neither end has to put a frame
 * together from two. One of the size that everybody takes also keeps turns short where the peer allows far larger ones.
 */
const bulkFrameSize = DEFAULT_MAX_FRAME_SIZE - FRAME_HEADER_LENGTH;

/** A frame with at least this much is worth the window updates that it causes. */
const usefulDataLength = 64;

export interface SenderParts {
  readonly budgets: FloodBudgets;
  readonly buffers?: BufferLender | undefined;
  /** Told when the END_STREAM of a stream has been written. */
  readonly onEnded: (stream: Stream) => void;
}

export class Sender {
  /** What the peer lets us send on the connection, and on a new stream. */
  window: number = DEFAULT_WINDOW;
  initialWindow: number = DEFAULT_WINDOW;
  maxFrameSize: number = DEFAULT_MAX_FRAME_SIZE;
  /** Heads and answers to frames that were written since the transport was last empty. */
  controlFrames = 0;
  /** Nothing may be written any more. */
  muted = false;
  readonly encoder: HpackEncoder;
  readonly #host: EngineHost;
  readonly #budgets: FloodBudgets;
  readonly #buffers: BufferLender | undefined;
  readonly #onEnded: (stream: Stream) => void;
  /** Streams with queued bytes, in turn from `#cursor` on. */
  readonly #waiting: Stream[] = [];
  #cursor = 0;
  /** Streams that are due credit. */
  #unflushed: Stream[] = [];

  constructor(
    host: EngineHost,
    settings: ResolvedSettings,
    { budgets, buffers, onEnded }: SenderParts,
  ) {
    this.#host = host;
    this.#budgets = budgets;
    this.#buffers = buffers;
    this.#onEnded = onEnded;
    this.encoder = new HpackEncoder({
      tableSize: settings.encoderTableSize,
      huffman: settings.huffman,
    });
  }

  get waiting(): readonly Stream[] {
    return this.#waiting;
  }

  /** Writes a header block's frame; the fields come between this and `endHeaders`, which gets what this gave. */
  beginHeaders(): number {
    const { out } = this.#host;
    out.reserve(FRAME_HEADER_LENGTH);
    const start = out.length;
    out.length += FRAME_HEADER_LENGTH;
    this.encoder.begin(out);
    return start;
  }

  field(name: string, value: string): void {
    this.encoder.field(this.#host.out, name, value);
  }

  fields(headers: HeaderList): void {
    const { out } = this.#host;
    for (let at = 0; at < headers.length; at += 2) {
      this.encoder.field(out, headers[at]!, headers[at + 1]!);
    }
  }

  endHeaders(start: number, streamId: number, end: boolean): void {
    const { out } = this.#host;
    const length = out.length - start - FRAME_HEADER_LENGTH;
    const flags = end ? FLAG_END_STREAM : 0;
    if (length <= this.maxFrameSize) {
      putFrameHeader(out.buffer, start, length, FRAME_HEADERS, flags | FLAG_END_HEADERS, streamId);
    } else {
      const block = Buffer.from(out.buffer.subarray(start + FRAME_HEADER_LENGTH, out.length));
      out.length = start;
      this.#splitBlock(block, streamId, flags);
    }
    this.controlFrames += 1;
    this.#host.wantFlush();
  }

  #splitBlock(block: Buffer, streamId: number, flags: number): void {
    for (let at = 0; at < block.length; at += this.maxFrameSize) {
      const stop = Math.min(block.length, at + this.maxFrameSize);
      const type = at === 0 ? FRAME_HEADERS : FRAME_CONTINUATION;
      const ends = stop === block.length ? FLAG_END_HEADERS : 0;
      this.#frame(stop - at, type, (at === 0 ? flags : 0) | ends, streamId);
      this.#host.out.append(block.subarray(at, stop));
    }
  }

  /** Sends what the windows allow and keeps a copy of the rest. */
  data(stream: Stream, chunk: Uint8Array, end: boolean): void {
    let at = 0;
    if (stream.queue === undefined || stream.queue.length === 0) {
      at = this.#writeChunk(stream, chunk, end);
      if (at === chunk.length) return;
    }
    stream.queue ??= new ByteQueue(this.#buffers);
    stream.queue.append(chunk, at);
    stream.endQueued = end;
    this.#wait(stream);
  }

  /** Sends trailers behind whatever is queued. */
  trailers(stream: Stream, headers: HeaderList): void {
    if (stream.queue !== undefined && stream.queue.length > 0) {
      stream.trailersQueued = headers;
      stream.endQueued = true;
      return;
    }
    const start = this.beginHeaders();
    this.fields(headers);
    this.endHeaders(start, stream.id, true);
    this.#ended(stream);
  }

  /** The window of the stream has grown. */
  resumeStream(stream: Stream): void {
    while (stream.queue !== undefined && stream.queue.length > 0) {
      if (!this.#sendQueued(stream)) return;
    }
  }

  /** The connection's window, or everybody's, has grown: one frame each in turn. */
  resumeAll(): void {
    let stuck = 0;
    while (this.window > 0 && stuck < this.#waiting.length) {
      if (this.#cursor >= this.#waiting.length) this.#cursor = 0;
      const stream = this.#waiting[this.#cursor]!;
      stuck = this.#sendQueued(stream) ? 0 : stuck + 1;
      if (this.#waiting[this.#cursor] === stream) this.#cursor += 1;
    }
  }

  /** Drops what the stream has queued. */
  forget(stream: Stream): void {
    if (stream.queue === undefined) return;
    stream.queue.clear();
    stream.queue = undefined;
    stream.endQueued = false;
    stream.trailersQueued = undefined;
    this.#stopWaiting(stream);
  }

  /** The transport took all: its givers may give as much again. */
  flushed(): void {
    this.controlFrames = 0;
    if (this.#unflushed.length === 0) return;
    const streams = this.#unflushed;
    this.#unflushed = [];
    for (const stream of streams) {
      const bytes = stream.unflushed;
      stream.unflushed = 0;
      stream.reader?.onCredit(bytes);
    }
  }

  /** A small frame with its payload as numbers of 32 bits. */
  control(type: number, flags: number, streamId: number, first: number, second = -1): void {
    if (this.muted) return;
    const length = second === -1 ? 4 : 8;
    this.#frame(length, type, flags, streamId);
    const { out } = this.#host;
    out.reserve(length);
    putUint32(out.buffer, out.length, first);
    if (second !== -1) putUint32(out.buffer, out.length + 4, second);
    out.length += length;
    this.controlFrames += 1;
    this.#host.wantFlush();
  }

  /** A small frame with its payload as bytes. */
  controlBytes(type: number, flags: number, payload: Uint8Array): void {
    if (this.muted) return;
    this.#frame(payload.length, type, flags, 0);
    this.#host.out.append(payload);
    this.controlFrames += 1;
    this.#host.wantFlush();
  }

  reset(streamId: number, code: number): void {
    this.control(FRAME_RST_STREAM, 0, streamId, code);
  }

  windowUpdate(streamId: number, bytes: number): void {
    this.control(FRAME_WINDOW_UPDATE, 0, streamId, Math.min(bytes, MAX_31_BITS));
  }

  goaway(lastStreamId: number, code: number, detail: string): void {
    if (this.muted) return;
    const text = Buffer.from(detail, "latin1");
    const payload = Buffer.alloc(8 + text.length);
    payload.writeUInt32BE(lastStreamId, 0);
    payload.writeUInt32BE(code, 4);
    text.copy(payload, 8);
    this.controlBytes(FRAME_GOAWAY, 0, payload);
  }

  /** Writes frames from the chunk until it or a window ends; gives how much went. */
  #writeChunk(stream: Stream, chunk: Uint8Array, end: boolean): number {
    const total = chunk.length;
    if (total === 0 && !end) return 0;
    let at = 0;
    do {
      const count = Math.min(stream.sendWindow, this.window, this.#frameSize(total - at));
      if (count <= 0 && at < total) break;
      const last = end && at + count === total;
      this.#frame(count, FRAME_DATA, last ? FLAG_END_STREAM : 0, stream.id);
      if (count > 0) {
        const whole = count === total;
        this.#host.out.append(whole ? chunk : chunk.subarray(at, at + count));
        this.#account(stream, count);
      }
      at += count;
      if (last) this.#ended(stream);
    } while (at < total);
    this.#host.wantFlush();
    return at;
  }

  #frameSize(left: number): number {
    return left <= this.maxFrameSize ? left : bulkFrameSize;
  }

  /** Sends one frame of what the stream has queued; false when a window is in the way. */
  #sendQueued(stream: Stream): boolean {
    const queue = stream.queue!;
    const count = Math.min(queue.length, stream.sendWindow, this.window, bulkFrameSize);
    if (count <= 0) return false;
    const last = stream.endQueued && count === queue.length;
    const ends = last && stream.trailersQueued === undefined;
    this.#frame(count, FRAME_DATA, ends ? FLAG_END_STREAM : 0, stream.id);
    queue.moveTo(this.#host.out, count);
    this.#account(stream, count);
    stream.progress += count;
    if (queue.length === 0) this.#stopWaiting(stream);
    if (ends) {
      this.#ended(stream);
    } else if (last) {
      const trailers = stream.trailersQueued!;
      stream.trailersQueued = undefined;
      this.trailers(stream, trailers);
    }
    this.#host.wantFlush();
    return true;
  }

  #account(stream: Stream, count: number): void {
    stream.sendWindow -= count;
    this.window -= count;
    if (stream.unflushed === 0) this.#unflushed.push(stream);
    stream.unflushed += count;
    if (count >= usefulDataLength) this.#budgets.usefulDataSent();
  }

  #ended(stream: Stream): void {
    stream.endQueued = false;
    const next = sendData(stream.state, true);
    stream.state = next < 0 ? closed : (next as StreamState);
    this.#onEnded(stream);
  }

  #wait(stream: Stream): void {
    if (stream.waiting) return;
    stream.waiting = true;
    stream.progress = 0;
    stream.stalledTicks = 0;
    this.#waiting.push(stream);
  }

  #stopWaiting(stream: Stream): void {
    if (!stream.waiting) return;
    stream.waiting = false;
    const at = this.#waiting.indexOf(stream);
    const last = this.#waiting.pop()!;
    if (last !== stream) this.#waiting[at] = last;
  }

  #frame(length: number, type: number, flags: number, streamId: number): void {
    const { out } = this.#host;
    out.reserve(FRAME_HEADER_LENGTH + length);
    putFrameHeader(out.buffer, out.length, length, type, flags, streamId);
    out.length += FRAME_HEADER_LENGTH;
  }
}

function putFrameHeader(
  buffer: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  buffer[at] = length >>> 16;
  buffer[at + 1] = length >>> 8;
  buffer[at + 2] = length;
  buffer[at + 3] = type;
  buffer[at + 4] = flags;
  putUint32(buffer, at + 5, streamId);
}

function putUint32(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
}
