/** Byte gear. Streams whose peer takes no data hold memory for nothing, and are ended. */
import type { Http2Limits } from "./limits.ts";
import { ENHANCE_YOUR_CALM } from "./numbers.ts";
import type { Sender } from "./sender.ts";
import { countFlood, type Http2Stats } from "./stats.ts";
import type { StreamTable } from "./stream-table.ts";

export interface StallWatch {
  readonly sender: Sender;
  readonly streams: StreamTable;
  readonly limits: Http2Limits;
  readonly stats: Http2Stats;
}

/** Called once a tick. */
export function endStalled({ sender, streams, limits, stats }: StallWatch): void {
  const { stallTicks, stallBytes } = limits;
  for (const stream of sender.waiting.slice()) {
    if (stream.progress >= stallBytes) {
      stream.progress = 0;
      stream.stalledTicks = 0;
    } else if ((stream.stalledTicks += 1) >= stallTicks) {
      countFlood(stats, "stallTicks");
      streams.fail(stream, ENHANCE_YOUR_CALM, "peer takes no data", "idle_timeout");
    }
  }
}
