/** Which connections are closed for room: those that say nothing. A keep-alive client in use is only idle for moments. */
import type { Reset } from "../../protocol/exchange.ts";
import type { OverloadLimits } from "./overload.ts";
import type { Wire } from "./wire.ts";

const closedForRoom: Reset = {
  code: "overloaded",
  http2Code: 0xb,
  detail: "idle connection closed for want of memory or descriptors",
  unprocessed: true,
};

type Silences = Map<Wire, { readonly bytesRead: number; readonly ticks: number }>;

export class IdleWires {
  #silent: Silences = new Map();

  /** Gives how many were closed. Wires come in the order in which they were opened. */
  closeSome(wires: Iterable<Wire>, { idleTicks, idlePart }: OverloadLimits): number {
    const silent: Silences = new Map();
    const idle: Wire[] = [];
    for (const wire of wires) {
      if (!wire.isDownstream || wire.engine.active > 0) continue;
      const { bytesRead } = wire.socket;
      const before = this.#silent.get(wire);
      const ticks = before?.bytesRead === bytesRead ? before.ticks + 1 : 0;
      silent.set(wire, { bytesRead, ticks });
      if (ticks >= idleTicks) idle.push(wire);
    }
    this.#silent = silent;
    const oldest = idle.slice(0, Math.ceil(idle.length * idlePart));
    for (const wire of oldest) wire.destroy(closedForRoom);
    return oldest.length;
  }

  forget(): void {
    if (this.#silent.size > 0) this.#silent = new Map();
  }
}
