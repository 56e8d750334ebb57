/** What all wires of a process share, and the one timer that all of them live by. */
import { ChurnSet } from "../../core/churn-set.ts";
import type { Clock } from "../../core/clock.ts";
import { seconds } from "../../core/duration.ts";
import { createBufferPool } from "../../protocol/buffer-pool.ts";
import { createHttp1Stats } from "../../protocol/http1/stats.ts";
import { createHttp2Stats } from "../../protocol/http2/stats.ts";
import { createDirectWriter } from "./direct-write.ts";
import { createReceiveBuffer } from "./receive-buffer.ts";
import { createTurn } from "./turn.ts";
import type { Wire, WireContext } from "./wire.ts";
import { createYoungGarbage } from "./young-garbage.ts";

export function createWireContext(): WireContext {
  const buffers = createBufferPool();
  return {
    turn: createTurn(),
    receiveBuffer: createReceiveBuffer(createYoungGarbage()),
    directWriter: createDirectWriter(),
    buffers,
    http2: { stats: createHttp2Stats(), buffers },
    http1: createHttp1Stats(),
    wires: new ChurnSet<Wire>(),
    tickers: new ChurnSet<() => void>(),
  };
}

/** Begins the tick of the second; the result ends it. `onTick` gets how late the tick came, in milliseconds. */
export function startTicking(
  context: WireContext,
  clock: Clock,
  onTick: (lateMillis: number) => void = () => {},
): () => void {
  let due = clock.now() + tickInterval;
  const tick = (): void => {
    const now = clock.now();
    onTick(Math.max(0, now - due));
    due = now + tickInterval;
    stop = clock.after(tickInterval, tick);
    for (const wire of Array.from(context.wires)) wire.engine.tick();
    for (const each of Array.from(context.tickers)) each();
  };
  let stop = clock.after(tickInterval, tick);
  return () => stop();
}

const tickInterval = seconds(1);
