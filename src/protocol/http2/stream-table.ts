/** Byte gear. The streams of a connection, and every way in which one of them ends. */
import type { Reset } from "../exchange.ts";
import type { FloodBudgets, Http2Limits } from "./limits.ts";
import { NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM } from "./numbers.ts";
import type { ReceiveFlow } from "./receive-flow.ts";
import { ResetMemory } from "./reset-memory.ts";
import type { Sender } from "./sender.ts";
import { closed } from "./state.ts";
import type { Http2Stats } from "./stats.ts";
import { Stream, type StreamLink } from "./stream.ts";
import { StreamMap } from "./stream-map.ts";

export interface StreamTableOwner {
  /** A stream has left the table. */
  onGone(): void;
  /** The peer has used up a budget. */
  flood(limit: keyof Http2Limits): void;
}

export interface StreamTableParts {
  /** Of the streams that are made. */
  readonly link: StreamLink;
  readonly sender: Sender;
  readonly flow: ReceiveFlow;
  readonly budgets: FloodBudgets;
  readonly stats: Http2Stats;
}

export class StreamTable {
  readonly #streams = new StreamMap();
  readonly #memory = new ResetMemory();
  readonly #owner: StreamTableOwner;
  readonly #link: StreamLink;
  readonly #sender: Sender;
  readonly #flow: ReceiveFlow;
  readonly #budgets: FloodBudgets;
  readonly #stats: Http2Stats;
  #ticks = 0;

  constructor(owner: StreamTableOwner, parts: StreamTableParts) {
    this.#owner = owner;
    this.#link = parts.link;
    this.#sender = parts.sender;
    this.#flow = parts.flow;
    this.#budgets = parts.budgets;
    this.#stats = parts.stats;
  }

  get size(): number {
    return this.#streams.size;
  }

  get(streamId: number): Stream | undefined {
    return this.#streams.get(streamId);
  }

  /** A copy of what is there, for loops whose body ends streams. */
  all(): Stream[] {
    return this.#streams.all();
  }

  /** Makes a stream in state idle. */
  add(streamId: number, receiveWindow: number): Stream {
    const { initialWindow } = this.#sender;
    const stream = new Stream(streamId, this.#link, initialWindow, receiveWindow, this.#ticks);
    this.#streams.add(stream);
    this.#stats.streams += 1;
    return stream;
  }

  /** SETTINGS_INITIAL_WINDOW_SIZE changed (6.9.2); gives the largest window that came of it. */
  growWindows(growth: number): number {
    let largest = 0;
    for (const stream of this.all()) {
      stream.sendWindow += growth;
      if (stream.sendWindow > largest) largest = stream.sendWindow;
    }
    return largest;
  }

  /** Whose RST_STREAM ended the stream, as far as that is remembered. */
  resetByUs(streamId: number): boolean | undefined {
    return this.#memory.resetByUs(streamId);
  }

  /** A second has passed. */
  tick(): void {
    this.#ticks += 1;
  }

  /**
   * The peer sent RST_STREAM. `costs`: it opened the stream itself. Then one that it cancels within the second is
   * worth its budget; older ones are held down by how many may be open, and a storm of deadlines is no attack.
   */
  resetByPeer(stream: Stream, reset: Reset, costs: boolean): void {
    this.#stats.resetsReceived += 1;
    this.#memory.remember(stream.id, false);
    this.cut(stream, reset);
    if (costs && this.#ticks - stream.born < 2) this.#spendReset();
  }

  /** The owner resets, or drops what it has no more use for. */
  resetByOwner(stream: Stream, reset: Reset): void {
    stream.reader = undefined;
    if (reset.http2Code === NO_ERROR && stream.endQueued) {
      // RFC 9113 8.1: the answer goes first, to its end.
      stream.resetQueued = reset;
      this.#flow.release(stream);
      return;
    }
    this.#sendReset(stream, reset.http2Code);
  }

  /** The peer broke a rule on this stream only. */
  fail(
    stream: Stream,
    http2Code: number,
    detail: string,
    code: Reset["code"] = "protocol_error",
  ): void {
    const { reader } = stream;
    stream.reader = undefined;
    this.#sendReset(stream, http2Code);
    reader?.onReset({ code, http2Code, detail, unprocessed: false });
    this.#spendReset();
  }

  /** The message breaks a rule of section 8. */
  malformed(stream: Stream, detail: string): void {
    this.#stats.malformed += 1;
    this.fail(stream, PROTOCOL_ERROR, detail);
  }

  /** Resets a stream that is not, or no longer, in the table. */
  refuse(streamId: number, code: number): void {
    this.#sender.reset(streamId, code);
    this.#stats.resetsSent += 1;
    this.#memory.remember(streamId, true);
    this.#spendReset();
  }

  /** Ends the stream without a word to the peer. */
  cut(stream: Stream, reset: Reset): void {
    const { reader } = stream;
    stream.reader = undefined;
    stream.state = closed;
    this.#remove(stream);
    reader?.onReset(reset);
  }

  /** The peer will not look at this request. */
  cutUnprocessed(stream: Stream, detail: string): void {
    const http2Code = REFUSED_STREAM;
    this.cut(stream, { code: "upstream_reset", http2Code, detail, unprocessed: true });
  }

  /** END_STREAM has left. */
  onSent(stream: Stream): void {
    if (stream.resetQueued !== undefined && stream.state !== closed) {
      this.#sendReset(stream, stream.resetQueued.http2Code);
    } else {
      this.endIfClosed(stream);
    }
  }

  endIfClosed(stream: Stream): void {
    if (stream.state !== closed || !this.#remove(stream)) return;
    this.#budgets.streamEnded();
  }

  /** The connection is over. */
  endAll(reset: Reset): void {
    for (const stream of this.#streams.clear()) {
      const { reader } = stream;
      stream.reader = undefined;
      stream.state = closed;
      stream.queue?.clear();
      stream.queue = undefined;
      reader?.onReset(reset);
    }
  }

  #sendReset(stream: Stream, code: number): void {
    this.#sender.reset(stream.id, code);
    this.#stats.resetsSent += 1;
    this.#memory.remember(stream.id, true);
    stream.state = closed;
    this.#remove(stream);
  }

  /** False when it was gone already. */
  #remove(stream: Stream): boolean {
    if (!this.#streams.delete(stream)) return false;
    this.#sender.forget(stream);
    this.#flow.release(stream);
    this.#owner.onGone();
    return true;
  }

  #spendReset(): void {
    if ((this.#budgets.resets -= 1) < 0) this.#owner.flood("resets");
  }
}
