/** Byte gear. What DATA frames do: they take from windows, must fit the declared length, and go to the reader as views. */
import type { Faults } from "./faults.ts";
import type { FloodBudgets } from "./limits.ts";
import { FLOW_CONTROL_ERROR } from "./numbers.ts";
import type { ReceiveFlow } from "./receive-flow.ts";
import { closed, receiveData, type StreamState } from "./state.ts";
import type { StrayFrames } from "./stray-frames.ts";
import type { Stream } from "./stream.ts";
import type { StreamTable } from "./stream-table.ts";

export interface DataReceiverParts {
  readonly streams: StreamTable;
  readonly flow: ReceiveFlow;
  readonly budgets: FloodBudgets;
  readonly strays: StrayFrames;
}

export class DataReceiver {
  readonly #faults: Faults;
  readonly #streams: StreamTable;
  readonly #flow: ReceiveFlow;
  readonly #budgets: FloodBudgets;
  readonly #strays: StrayFrames;
  /** Where the pieces of the current frame go; undefined when they were paid for and are thrown away. */
  #stream: Stream | undefined = undefined;
  #end = false;

  constructor(faults: Faults, parts: DataReceiverParts) {
    this.#faults = faults;
    this.#streams = parts.streams;
    this.#flow = parts.flow;
    this.#budgets = parts.budgets;
    this.#strays = parts.strays;
  }

  onFrame(streamId: number, length: number, dataLength: number, end: boolean): void {
    this.#stream = undefined;
    if (!this.#flow.take(length)) {
      return this.#faults.onBroken(FLOW_CONTROL_ERROR, "more DATA than the connection's window");
    }
    if (dataLength > 0) this.#budgets.usefulFrameReceived();
    else if (!end && (this.#budgets.emptyData -= 1) < 0) return this.#faults.flood("emptyData");
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      this.#flow.owe(length);
      return this.#strays.onMessage(streamId, "DATA");
    }
    const problem = this.#check(stream, length, dataLength, end);
    if (problem !== "") {
      this.#flow.owe(length);
      return this.#streams.malformed(stream, problem);
    }
    // A state error or a window error has ended the stream already.
    if (stream.state === closed) return this.#flow.owe(length);
    if (length > dataLength) {
      this.#flow.owe(length - dataLength);
      this.#flow.oweStream(stream, length - dataLength);
    }
    this.#stream = stream;
    this.#end = end;
  }

  onPiece(piece: Buffer, last: boolean): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    // The owner, or the peer by a window that overflowed, ended the stream between two pieces.
    if (stream.state === closed) return this.#flow.owe(piece.length);
    const end = last && this.#end;
    if (end) stream.state = receiveData(stream.state, true) as StreamState;
    if (stream.reader === undefined) {
      this.#flow.owe(piece.length);
    } else if (end || piece.length > 0) {
      stream.ungranted += piece.length;
      stream.reader.onData(piece, end);
    }
    if (end) this.#streams.endIfClosed(stream);
  }

  #check(stream: Stream, length: number, dataLength: number, end: boolean): string {
    const next = receiveData(stream.state, end);
    if (next < 0) {
      this.#streams.fail(stream, -next, "DATA after END_STREAM");
      return "";
    }
    if (!stream.headReceived) return "DATA before HEADERS";
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) {
      this.#streams.fail(stream, FLOW_CONTROL_ERROR, "more DATA than the stream's window");
      return "";
    }
    stream.received += dataLength;
    if (stream.bodiless && dataLength > 0) return "body where there is none";
    if (stream.expected < 0) return "";
    const wrong = end ? stream.received !== stream.expected : stream.received > stream.expected;
    return wrong ? "content-length differs from the body" : "";
  }
}
