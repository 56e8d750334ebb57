/** Where log lines go: whoever should read them may be slow, gone, or out of room, and no request waits for that. */
import { fstatSync, writeSync } from "node:fs";
import { Socket } from "node:net";

export interface LogOutput {
  /** Takes a whole line, or loses it. It is written in place, after those that were gathered. */
  write(line: string): void;
  /** Takes a whole line that may wait for the end of this turn of the event loop and the lines that still come in it. */
  gather(line: string): void;
  /** Writes what was gathered. */
  flush(): void;
  /** How many lines were lost so far. */
  readonly lost: number;
}

/** What waits for a reader that stalls. Default 256 KiB, a second of a busy access log; what comes then is lost. */
const waitingLogBytes = 262_144;

/** Characters that are gathered before they are written. Default 64 Ki, what a pipe holds; a turn rarely has more. */
const gatheredLogChars = 65_536;

/** A pipe blocks whoever writes when its reader stalls, unless it is told not to; a file has no reader. */
export function openLogOutput(fd: number): LogOutput {
  const stat = fstatSync(fd);
  return new GatheringOutput(
    stat.isFIFO() || stat.isSocket() ? new PipeSink(fd) : new FileSink(fd),
  );
}

interface LogSink {
  /** Takes whole lines, `count` of them, and gives how many were lost. */
  write(lines: string, count: number): number;
}

/** A call of the kernel costs more than the making of a line: the lines of one turn leave in one. */
class GatheringOutput implements LogOutput {
  lost = 0;
  readonly #sink: LogSink;
  #lines = "";
  #count = 0;
  #scheduled = false;

  constructor(sink: LogSink) {
    this.#sink = sink;
  }

  write(line: string): void {
    this.#add(line);
    this.flush();
  }

  gather(line: string): void {
    this.#add(line);
    if (this.#lines.length >= gatheredLogChars) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#endTurn);
    }
  }

  flush(): void {
    if (this.#count === 0) return;
    this.lost += this.#sink.write(this.#lines, this.#count);
    this.#lines = "";
    this.#count = 0;
  }

  #add(line: string): void {
    this.#lines += line;
    this.#count += 1;
  }

  readonly #endTurn = (): void => {
    this.#scheduled = false;
    this.flush();
  };
}

class PipeSink implements LogSink {
  readonly #socket: Socket;

  constructor(fd: number) {
    this.#socket = new Socket({ fd, readable: false, writable: true });
    // Nobody will read any more: Node then destroys the socket, and every line is lost.
    this.#socket.on("error", () => {});
    this.#socket.unref();
  }

  write(lines: string, count: number): number {
    const { destroyed, writableLength } = this.#socket;
    if (destroyed || writableLength > waitingLogBytes) return count;
    this.#socket.write(lines);
    return 0;
  }
}

const newline = 0x0a;

class FileSink implements LogSink {
  readonly #fd: number;
  /** The disk was full in the middle of a line. */
  #torn = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(lines: string, count: number): number {
    const bytes = Buffer.from(this.#torn ? `\n${lines}` : lines);
    try {
      const written = writeSync(this.#fd, bytes);
      if (written === 0) return count;
      this.#torn = bytes[written - 1] !== newline;
      return countLines(bytes, written);
    } catch {
      // A full disk, or one that fails: there is nowhere left to tell it but the counter.
      return count;
    }
  }
}

/** The lines that end at or behind `from`. */
function countLines(bytes: Buffer, from: number): number {
  let count = 0;
  for (let at = bytes.indexOf(newline, from); at >= 0; at = bytes.indexOf(newline, at + 1)) {
    count += 1;
  }
  return count;
}
