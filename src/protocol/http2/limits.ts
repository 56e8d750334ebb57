/** Byte gear. What a peer may cost: budgets that useful work and time refill, and hard limits. */

/**
 * A budget is spent by frames that cost us more than they bring, and refilled by `…PerSecond` on each tick and by one
 * for each useful event named with it. An empty one ends the connection with ENHANCE_YOUR_CALM.
 */
export interface Http2Limits {
  /**
   * Streams that the client cancels within a second (CVE-2023-44487 rapid reset), that break a rule so that we reset
   * them (CVE-2025-8671 MadeYouReset), or that are refused. Each stream that ends well gives one back, so a client
   * that cancels half of its calls is never cut. Default 200: as many as may be open, all cancelled at once.
   */
  readonly resets: number;
  /** Default 100: a client whose calls all time out, at a rate that costs under one percent of a core. */
  readonly resetsPerSecond: number;
  /** SETTINGS frames, each of which wants an ack (CVE-2019-9515). Peers send one or two. Default 32. */
  readonly settings: number;
  /** Default 1. */
  readonly settingsPerSecond: number;
  /**
   * PING frames (CVE-2019-9512). gRPC measures its bandwidth with one per round trip of data, so DATA and HEADERS
   * give one back. Default 1000.
   */
  readonly pings: number;
  /** Default 100. */
  readonly pingsPerSecond: number;
  /** DATA frames that carry nothing and end nothing (CVE-2019-9518, RUSTSEC-2026-0258), or only padding. Default 100. */
  readonly emptyData: number;
  /** Default 10. */
  readonly emptyDataPerSecond: number;
  /** PRIORITY frames (CVE-2019-9513), which we ignore. One comes back with each stream. Default 200. */
  readonly priorities: number;
  /** Default 20. */
  readonly prioritiesPerSecond: number;
  /** WINDOW_UPDATE frames (CVE-2019-9511). Each DATA frame of a useful size that we send gives two back. Default 2000. */
  readonly windowUpdates: number;
  /** Default 1000. */
  readonly windowUpdatesPerSecond: number;
  /** Frames of unknown type, and frames for streams that are closed. Default 1000: a window's worth may be in flight. */
  readonly ignoredFrames: number;
  /** Default 100. */
  readonly ignoredFramesPerSecond: number;
  /**
   * Heads and answers to frames (acks, resets, window updates) waiting for a peer that does not read (CVE-2019-9517).
   * Default 1000: an honest peer opens no stream beyond its 200 before it has read how others ended.
   */
  readonly queuedControlFrames: number;
  /**
   * Header lists, as they will be stored, of the requests that one connection may begin before all others have had a turn.
   * Default 64 KiB: a hundred ordinary requests, which are cheaper together, or one of the largest. Of 200 of those on
   * each of twenty connections others wait for a part.
   */
  readonly headBytesPerTurn: number;
  /** Header list as it will be stored: name + value + 32 per field (RFC 9113 6.5.2). Default 64 KiB. */
  readonly headerListSize: number;
  /** Fields of one list, cookie crumbs included (CVE-2026-49975). Default 256: twice what servers allow. */
  readonly headerFields: number;
  /** Bytes of one header block on the wire, gathered before it is decoded. Default 128 KiB: twice the list. */
  readonly headerBlockSize: number;
  /** CONTINUATION frames of one block (CVE-2024-27983). Default 32: four times what the block size needs. */
  readonly continuations: number;
  /** 1xx heads before one final head. Default 16: nobody sends more than a few early hints. */
  readonly informationalHeads: number;
  /** Ticks that a client may take for the preface, a peer for one header block, and a peer to ack SETTINGS. Default 10. */
  readonly handshakeTicks: number;
  /**
   * Ticks in which a stream with bytes waiting for window takes less than `stallBytes`; then it is reset. Default 300:
   * a suspended reader may come back after minutes, but not hold memory for ever.
   */
  readonly stallTicks: number;
  /** Default 1024: opening the window byte by byte is no progress. */
  readonly stallBytes: number;
}

export const defaultLimits: Http2Limits = {
  resets: 200,
  resetsPerSecond: 100,
  settings: 32,
  settingsPerSecond: 1,
  pings: 1_000,
  pingsPerSecond: 100,
  emptyData: 100,
  emptyDataPerSecond: 10,
  priorities: 200,
  prioritiesPerSecond: 20,
  windowUpdates: 2_000,
  windowUpdatesPerSecond: 1_000,
  ignoredFrames: 1_000,
  ignoredFramesPerSecond: 100,
  queuedControlFrames: 1_000,
  headBytesPerTurn: 64 * 1024,
  headerListSize: 64 * 1024,
  headerFields: 256,
  headerBlockSize: 128 * 1024,
  continuations: 32,
  informationalHeads: 16,
  handshakeTicks: 10,
  stallTicks: 300,
  stallBytes: 1_024,
};

/** The budgets of one connection; each field is what is left of it. */
export class FloodBudgets {
  resets: number;
  settings: number;
  pings: number;
  emptyData: number;
  priorities: number;
  windowUpdates: number;
  ignoredFrames: number;
  readonly #limits: Http2Limits;

  constructor(limits: Http2Limits) {
    this.#limits = limits;
    this.resets = limits.resets;
    this.settings = limits.settings;
    this.pings = limits.pings;
    this.emptyData = limits.emptyData;
    this.priorities = limits.priorities;
    this.windowUpdates = limits.windowUpdates;
    this.ignoredFrames = limits.ignoredFrames;
  }

  /** A second has passed. */
  refill(): void {
    const limits = this.#limits;
    this.resets = Math.min(limits.resets, this.resets + limits.resetsPerSecond);
    this.settings = Math.min(limits.settings, this.settings + limits.settingsPerSecond);
    this.pings = Math.min(limits.pings, this.pings + limits.pingsPerSecond);
    this.emptyData = Math.min(limits.emptyData, this.emptyData + limits.emptyDataPerSecond);
    this.priorities = Math.min(limits.priorities, this.priorities + limits.prioritiesPerSecond);
    this.windowUpdates = Math.min(
      limits.windowUpdates,
      this.windowUpdates + limits.windowUpdatesPerSecond,
    );
    this.ignoredFrames = Math.min(
      limits.ignoredFrames,
      this.ignoredFrames + limits.ignoredFramesPerSecond,
    );
  }

  /** A stream ended as it should. */
  streamEnded(): void {
    if (this.resets < this.#limits.resets) this.resets += 1;
    if (this.priorities < this.#limits.priorities) this.priorities += 1;
  }

  /** DATA or HEADERS came. */
  usefulFrameReceived(): void {
    if (this.pings < this.#limits.pings) this.pings += 1;
  }

  /** DATA of a size that is worth an update of two windows went out. */
  usefulDataSent(): void {
    if (this.windowUpdates < this.#limits.windowUpdates) this.windowUpdates += 2;
  }
}
