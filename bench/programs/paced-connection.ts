/** One connection of paced-http1.ts. It makes next to no garbage: a client that collects measures itself. */
import { connect, type Socket } from "node:net";

/** Connections read into it one after the other; Node's own buffers of 64 KiB for each read had it collect in full. */
const received = Buffer.allocUnsafeSlow(64 * 1024);

const headEnd = "\r\n\r\n";

export interface PacedListener {
  /** A whole answer is there to the request that was sent at that time, on the clock of `performance.now`. */
  answered(sentAt: number): void;
  /** So many requests have failed, or were answered with something else than 200. */
  failed(count: number): void;
}

export class PacedConnection {
  readonly #socket: Socket;
  readonly #request: Buffer;
  readonly #listener: PacedListener;
  /** When the requests were sent whose answer is not there yet. */
  readonly #sentAt: number[] = [];
  /** Of an answer that is not there as a whole. */
  #rest: Buffer | undefined;

  constructor(host: string, port: number, request: Buffer, listener: PacedListener) {
    this.#request = request;
    this.#listener = listener;
    const callback = (length: number): boolean => {
      this.#take(received.subarray(0, length));
      return true;
    };
    this.#socket = connect({ host, port, noDelay: true, onread: { buffer: received, callback } });
    this.#socket.on("error", () => this.#socket.destroy());
    this.#socket.on("close", () => {
      listener.failed(Math.max(this.#sentAt.length, 1));
      this.#sentAt.length = 0;
    });
  }

  /** Does not wait for the answers to the requests before. */
  send(): void {
    if (this.#socket.destroyed) {
      this.#listener.failed(1);
      return;
    }
    this.#sentAt.push(performance.now());
    this.#socket.write(this.#request);
  }

  #take(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    let start = 0;
    while (start < bytes.length) {
      const end = this.#takeAnswer(bytes, start);
      if (end < 0) break;
      start = end;
    }
    this.#rest = start < bytes.length ? Buffer.from(bytes.subarray(start)) : undefined;
  }

  /** Gives where the answer at `start` ends; negative when it is not there as a whole. */
  #takeAnswer(bytes: Buffer, start: number): number {
    const body = bytes.indexOf(headEnd, start, "latin1") + headEnd.length;
    if (body < headEnd.length) return -1;
    const head = bytes.toString("latin1", start, body);
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1]);
    if (body + length > bytes.length) return -1;
    if (!/^http\/1.1 200/i.test(head) || Number.isNaN(length)) this.#listener.failed(1);
    const sentAt = this.#sentAt.shift();
    if (sentAt !== undefined) this.#listener.answered(sentAt);
    return Number.isNaN(length) ? body : body + length;
  }
}
