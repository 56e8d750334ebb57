/** The smallest transport that an engine can live on: one socket, one write per turn of the loop. */
import type { Socket } from "node:net";
import { createByteWriter } from "../../src/protocol/byte-writer.ts";
import type { Engine, EngineHost, Reset } from "../../src/protocol/exchange.ts";

export interface AttachedEngine<E extends Engine> {
  readonly engine: E;
  /** What the engine gave as the reason when it closed the connection. */
  closeReset: Reset | undefined;
}

/** Makes an engine and drives it over the socket until either of them ends. */
export function attachEngine<E extends Engine>(
  socket: Socket,
  createEngine: (host: EngineHost) => E,
): AttachedEngine<E> {
  let queued = false;
  let writing = false;
  let finishing = false;
  let closing = false;
  const out = createByteWriter();
  const flush = (): void => {
    queued = false;
    if (writing || socket.destroyed) return;
    if (out.length > 0) {
      writing = true;
      socket.write(out.take(), () => {
        writing = false;
        if (out.length > 0) flush();
        else afterWrite();
      });
    } else {
      afterWrite();
    }
  };
  const afterWrite = (): void => {
    if (!socket.destroyed) engine.flushed();
    if (out.length > 0) return flush();
    if (closing) socket.destroySoon();
    else if (finishing) socket.end();
  };
  const wantFlush = (): void => {
    if (queued) return;
    queued = true;
    setImmediate(flush);
  };
  const attached: { engine?: E; closeReset: Reset | undefined } = { closeReset: undefined };
  const host: EngineHost = {
    out,
    wantFlush,
    pauseReading: () => void socket.pause(),
    resumeReading: () => void socket.resume(),
    readAgain(rest) {
      socket.pause();
      socket.unshift(Buffer.from(rest));
      setImmediate(() => socket.resume());
    },
    finish() {
      finishing = true;
      wantFlush();
    },
    close(reset) {
      closing = true;
      attached.closeReset = reset;
      wantFlush();
    },
  };
  const engine = createEngine(host);
  attached.engine = engine;
  socket.setNoDelay(true);
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => engine.receive(chunk));
  socket.on("end", () => engine.receiveEnd());
  socket.on("close", () =>
    engine.closed({
      code: "downstream_closed",
      http2Code: 0,
      detail: "socket closed",
      unprocessed: false,
    }),
  );
  return attached as AttachedEngine<E>;
}
