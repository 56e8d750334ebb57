/** Byte gear. The windows that we give: what the peer may still send, and what we owe it (RFC 9113 5.2, 6.9). */
import { DEFAULT_WINDOW } from "./numbers.ts";
import type { Sender } from "./sender.ts";
import type { ResolvedSettings } from "./settings.ts";
import type { Stream } from "./stream.ts";

export class ReceiveFlow {
  readonly #sender: Sender;
  readonly #streamWindow: number;
  readonly #largestStreamWindow: number;
  readonly #connectionWindow: number;
  /** The peer may send so many bytes on the connection. */
  #window: number;
  /** Granted on the connection and not yet told to the peer. */
  #owed = 0;

  constructor(sender: Sender, settings: ResolvedSettings) {
    this.#sender = sender;
    this.#streamWindow = settings.streamWindow;
    this.#largestStreamWindow = Math.max(settings.streamWindow, settings.largestStreamWindow);
    // It starts at 65535 and cannot be made smaller (6.9.2).
    this.#connectionWindow = Math.max(DEFAULT_WINDOW, settings.connectionWindow);
    this.#window = this.#connectionWindow;
  }

  /** Tells the peer at the start what it may send beyond the default. */
  begin(): void {
    const extra = this.#connectionWindow - DEFAULT_WINDOW;
    if (extra > 0) this.#sender.windowUpdate(0, extra);
  }

  /** What a new stream may send. Until our SETTINGS are acknowledged the peer may still go by the default. */
  streamWindow(acknowledged: boolean): number {
    return acknowledged ? this.#streamWindow : Math.max(DEFAULT_WINDOW, this.#streamWindow);
  }

  /** A DATA frame takes its length from the connection's window; false when there was not as much. */
  take(length: number): boolean {
    this.#window -= length;
    return this.#window >= 0;
  }

  /** Bytes were passed on or thrown away; half a window of them is worth a WINDOW_UPDATE. */
  owe(bytes: number): void {
    this.#owed += bytes;
    if (this.#owed < this.#connectionWindow >> 1) return;
    this.#sender.windowUpdate(0, this.#owed);
    this.#window += this.#owed;
    this.#owed = 0;
  }

  /** The same for the stream, if it still has use for it; a reader that keeps up gets twice the window. */
  oweStream(stream: Stream, bytes: number): void {
    const { fullWindow } = stream;
    stream.owed += bytes;
    if (stream.owed < fullWindow >> 1) return;
    const keepsUp = stream.ungranted <= fullWindow >> 2;
    const grown = keepsUp ? Math.min(fullWindow, this.#largestStreamWindow - fullWindow) : 0;
    stream.fullWindow += grown;
    const update = stream.owed + grown;
    this.#sender.windowUpdate(stream.id, update);
    stream.receiveWindow += update;
    stream.owed = 0;
  }

  /** The stream has gone: what its owner never granted goes back, for nobody will grant it any more. */
  release(stream: Stream): void {
    const bytes = stream.ungranted;
    stream.ungranted = 0;
    if (bytes > 0) this.owe(bytes);
  }
}
