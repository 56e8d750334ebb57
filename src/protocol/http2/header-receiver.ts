/** Byte gear. What HEADERS do: each block is decoded whatever it is for, then is a head, or the trailers (RFC 9113 8.1). */
import type { Faults } from "./faults.ts";
import type { HeadBlock } from "./head-block.ts";
import { HpackDecoder } from "./hpack/decoder.ts";
import type { FloodBudgets } from "./limits.ts";
import { COMPRESSION_ERROR, PROTOCOL_ERROR } from "./numbers.ts";
import type { Role } from "./role.ts";
import { receiveHeaders, type StreamState } from "./state.ts";
import type { Http2Stats } from "./stats.ts";
import type { Stream } from "./stream.ts";
import type { StreamTable } from "./stream-table.ts";

export interface HeaderReceiverParts {
  readonly role: Role;
  readonly streams: StreamTable;
  readonly budgets: FloodBudgets;
  readonly stats: Http2Stats;
  /** Where the role finds the fields of the newest block. */
  readonly head: HeadBlock;
  /** The HPACK table that the peer may use. */
  readonly tableSize: number;
}

export class HeaderReceiver {
  readonly #faults: Faults;
  readonly #role: Role;
  readonly #streams: StreamTable;
  readonly #budgets: FloodBudgets;
  readonly #stats: Http2Stats;
  readonly #head: HeadBlock;
  readonly #decoder: HpackDecoder;

  constructor(faults: Faults, parts: HeaderReceiverParts) {
    this.#faults = faults;
    this.#role = parts.role;
    this.#streams = parts.streams;
    this.#budgets = parts.budgets;
    this.#stats = parts.stats;
    this.#head = parts.head;
    this.#decoder = new HpackDecoder(parts.tableSize);
  }

  /** The parameters are those of FrameHandler's `onHeaders`. */
  onBlock(
    streamId: number,
    end: boolean,
    dependency: number,
    bytes: Buffer,
    start: number,
    stop: number,
  ): void {
    const head = this.#head;
    head.begin();
    const problem = this.#decoder.decode(bytes, start, stop, head);
    if (problem !== "") return this.#faults.onBroken(COMPRESSION_ERROR, problem);
    this.#budgets.usefulFrameReceived();
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      return this.#role.onUnknownHeaders(streamId, end, dependency === streamId);
    }
    const next = receiveHeaders(stream.state, end);
    if (next < 0) return this.#streams.fail(stream, -next, "HEADERS after END_STREAM");
    if (dependency === streamId) {
      return this.#streams.fail(stream, PROTOCOL_ERROR, "stream depends on itself");
    }
    if (!stream.headReceived) return this.#role.onResponseHead(stream, end);
    this.#onTrailers(stream, end, next as StreamState);
  }

  #onTrailers(stream: Stream, end: boolean, next: StreamState): void {
    const streams = this.#streams;
    const head = this.#head;
    if (!end) return streams.fail(stream, PROTOCOL_ERROR, "trailers without END_STREAM");
    if (head.tooLarge) {
      this.#stats.headersTooLarge += 1;
      return streams.fail(stream, PROTOCOL_ERROR, "trailers too large", "header_too_large");
    }
    const trailers = head.trailers();
    if (trailers === undefined) return streams.malformed(stream, head.problem);
    if (stream.expected >= 0 && stream.received !== stream.expected) {
      return streams.malformed(stream, "content-length differs from the body");
    }
    stream.state = next;
    stream.reader?.onTrailers(trailers);
    streams.endIfClosed(stream);
  }
}
