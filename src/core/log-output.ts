/** Where log lines go: whoever should read them may be slow, gone, or out of room, and no request waits for that. */
import { fstatSync, writeSync } from "node:fs";
import { Socket } from "node:net";

export interface LogOutput {
  /** Takes a whole line, or loses it. */
  write(line: string): void;
  /** How many lines were lost so far. */
  readonly lost: number;
}

/** What waits for a reader that stalls. Default 256 KiB, a second of a busy access log; what comes then is lost. */
const waitingLogBytes = 262_144;

/** A pipe blocks whoever writes when its reader stalls, unless it is told not to; a file has no reader. */
export function openLogOutput(fd: number): LogOutput {
  const stat = fstatSync(fd);
  return stat.isFIFO() || stat.isSocket() ? new PipeOutput(fd) : new FileOutput(fd);
}

class PipeOutput implements LogOutput {
  lost = 0;
  readonly #socket: Socket;

  constructor(fd: number) {
    this.#socket = new Socket({ fd, readable: false, writable: true });
    // Nobody will read any more: Node then destroys the socket, and every line is lost.
    this.#socket.on("error", () => {});
    this.#socket.unref();
  }

  write(line: string): void {
    const { destroyed, writableLength } = this.#socket;
    if (destroyed || writableLength > waitingLogBytes) this.lost += 1;
    else this.#socket.write(line);
  }
}

class FileOutput implements LogOutput {
  lost = 0;
  readonly #fd: number;
  /** The disk was full in the middle of a line. */
  #torn = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(line: string): void {
    const bytes = Buffer.from(this.#torn ? `\n${line}` : line);
    try {
      this.#torn = writeSync(this.#fd, bytes) < bytes.length;
      if (this.#torn) this.lost += 1;
    } catch {
      // A full disk, or one that fails: there is nowhere left to tell it but the counter.
      this.lost += 1;
    }
  }
}
