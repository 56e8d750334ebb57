/** Byte gear. Frames for a stream that is not there, since it has not begun or has ended (RFC 9113 5.1), or of no known type. */
import type { Faults } from "./faults.ts";
import type { FloodBudgets } from "./limits.ts";
import { PROTOCOL_ERROR, STREAM_CLOSED } from "./numbers.ts";
import type { Role } from "./role.ts";
import type { StreamTable } from "./stream-table.ts";

export interface StrayFramesOwner extends Faults {
  /** The highest stream that the peer began. */
  readonly lastPeerStream: number;
  /** No more requests can come. */
  readonly ending: boolean;
}

export interface StrayFramesParts {
  readonly role: Role;
  readonly streams: StreamTable;
  readonly budgets: FloodBudgets;
}

export class StrayFrames {
  readonly #owner: StrayFramesOwner;
  readonly #role: Role;
  readonly #streams: StreamTable;
  readonly #budgets: FloodBudgets;

  constructor(owner: StrayFramesOwner, parts: StrayFramesParts) {
    this.#owner = owner;
    this.#role = parts.role;
    this.#streams = parts.streams;
    this.#budgets = parts.budgets;
  }

  /** DATA or HEADERS, by the name of its `type`. */
  onMessage(streamId: number, type: string): void {
    if (this.#role.isIdle(streamId)) {
      return this.#owner.onBroken(PROTOCOL_ERROR, `${type} when idle`);
    }
    if ((this.#budgets.ignoredFrames -= 1) < 0) return this.#owner.flood("ignoredFrames");
    // After our RST_STREAM the peer's frames are still on their way; after its own, or its END_STREAM, they are wrong.
    const ours = this.#streams.resetByUs(streamId);
    const { ending, lastPeerStream } = this.#owner;
    if (ours === true || (ending && streamId > lastPeerStream)) return;
    if (ours === false) return this.#streams.refuse(streamId, STREAM_CLOSED);
    this.#owner.onBroken(STREAM_CLOSED, `${type} on a closed stream`);
  }

  /** One that is malformed, so that `code` answers it. */
  onPriority(streamId: number, code: number): void {
    if (this.#role.isIdle(streamId)) return this.#owner.onBroken(code, "malformed PRIORITY");
    this.#streams.refuse(streamId, code);
  }

  onReset(streamId: number): void {
    if (this.#role.isIdle(streamId)) {
      return this.#owner.onBroken(PROTOCOL_ERROR, "RST_STREAM when idle");
    }
    this.onUnknown();
  }

  onWindowUpdate(streamId: number): void {
    if (this.#role.isIdle(streamId)) {
      this.#owner.onBroken(PROTOCOL_ERROR, "WINDOW_UPDATE when idle");
    }
  }

  /** A type that we do not know: to be ignored (RFC 9113 5.5), at a price. */
  onUnknown(): void {
    if ((this.#budgets.ignoredFrames -= 1) < 0) this.#owner.flood("ignoredFrames");
  }
}
