/** What all wires of a process share, and the one timer that all of them live by. */
import { createBufferPool } from "../../protocol/buffer-pool.ts";
import { createHttp2Stats } from "../../protocol/http2/stats.ts";
import { createReceiveBuffer } from "./receive-buffer.ts";
import { createTurn } from "./turn.ts";
import type { Wire, WireContext } from "./wire.ts";

export function createWireContext(): WireContext {
  return {
    turn: createTurn(),
    receiveBuffer: createReceiveBuffer(),
    buffers: createBufferPool(),
    http2: createHttp2Stats(),
    wires: new Set<Wire>(),
    tickers: new Set<() => void>(),
  };
}

/** Begins the tick of the second; the result ends it. `onTick` gets how late the tick came, in milliseconds. */
export function startTicking(
  context: WireContext,
  onTick: (lateMillis: number) => void,
): () => void {
  let due = performance.now() + tickMillis;
  const timer = setInterval(() => {
    const late = Math.max(0, performance.now() - due);
    due = performance.now() + tickMillis;
    for (const wire of Array.from(context.wires)) wire.engine.tick();
    for (const tick of Array.from(context.tickers)) tick();
    onTick(late);
  }, tickMillis);
  timer.unref();
  return () => clearInterval(timer);
}

const tickMillis = 1_000;
