/** Load shed: near the end of the memory or the descriptors that the sidecar may have, new work is refused so that the rest lives on. */
import { getHeapStatistics } from "node:v8";
import type { Bag } from "../../core/churn-set.ts";
import type { Reset } from "../../protocol/exchange.ts";
import { openContainerMemory } from "./container-memory.ts";
import { openDescriptorLimit } from "./descriptor-limit.ts";
import type { Wire } from "./wire.ts";

export interface OverloadLimits {
  /**
   * Share of V8's heap above which the sidecar sheds load: no new connections, no more requests from connections that
   * have several, and idle connections are closed. Default 0.75: what arrives between two looks must fit into the rest.
   */
  readonly heapShare: number;
  /** Share of the heap above which every request is refused. Default 0.9: a collection still needs room. */
  readonly fullShare: number;
  /** The same as `heapShare` for the container's memory, where it has a limit. Default 0.9: the kernel kills above. */
  readonly memoryShare: number;
  /**
   * Share of the descriptors above which new connections are refused and idle ones closed. Default 0.8: the rest is for the
   * upstreams of those that are open, and for files.
   */
  readonly descriptorShare: number;
  /** Requests that a connection may have open while load is shed. Default 4: one HTTP/1 client never notices. */
  readonly exchangesWhileShedding: number;
  /** Shedding ends below this part of a share. Default 0.9, so that it does not end and begin all the time. */
  readonly relief: number;
  /** Requests between two looks at the heap, which cost 3 µs each. Default 32: their largest heads are 2 MB. */
  readonly exchangesPerLook: number;
  /** A look that sees garbage collects it at most once in so many ticks. Default 5: a collection takes 20-50 ms. */
  readonly collectTicks: number;
  /**
   * Heap that is kept for each connection that was opened since the last tick, in bytes. Default 12 KiB: what one costs
   * with a request under way and its upstream, most of it after it was let in. A burst would else find the heap low.
   */
  readonly newConnectionBytes: number;
  /** Ticks without a byte after which a connection counts as idle while load is shed. Default 5: keep-alives in use live. */
  readonly idleTicks: number;
  /** Part of the idle connections that is closed in each tick of shedding, the oldest first. Default 0.5. */
  readonly idlePart: number;
}

export const defaultOverloadLimits: OverloadLimits = {
  heapShare: 0.75,
  fullShare: 0.9,
  memoryShare: 0.9,
  descriptorShare: 0.8,
  exchangesWhileShedding: 4,
  relief: 0.9,
  exchangesPerLook: 32,
  collectTicks: 5,
  newConnectionBytes: 12 * 1024,
  idleTicks: 5,
  idlePart: 0.5,
};

/** Where the readings come from; a test gives its own. */
export interface MemorySource {
  /** Of the heap in use, as a share of what V8 may take. */
  heap(): number;
  /** What V8 may take, in bytes. */
  readonly heapLimit: number;
  /** Of the container's memory; 0 when it has no limit. Only `fresh` is it surely what it is now. */
  memory(fresh: boolean): number;
  collect(): void;
  /** How many descriptors the process may have now; undefined when that cannot be seen. */
  descriptorLimit(): number | undefined;
}

export interface Overload {
  readonly shedding: boolean;
  /** What was refused or closed so far. */
  readonly shed: Readonly<Record<"connection" | "exchange" | "idle", number>>;
  /** Asked for each new connection; false when it must be refused. */
  admitConnection(): boolean;
  /** Asked for each new request or tunnel; `running` is how many its connection has already. */
  admitExchange(running: number): boolean;
  /** A second has passed. `wires` is what is open, now and at any later time. */
  tick(wires: Bag<Wire>): void;
}

const closedForRoom: Reset = {
  code: "overloaded",
  http2Code: 0xb,
  detail: "idle connection closed for want of memory or descriptors",
  unprocessed: true,
};

/** `onChange` hears when new work begins to be refused, and when that ends. */
export function createOverload(
  onChange: (shedding: boolean) => void = () => {},
  source: MemorySource = processMemory(),
  limits: OverloadLimits = defaultOverloadLimits,
): Overload {
  const shed = { connection: 0, exchange: 0, idle: 0 };
  const idle = new IdleWires();
  let shedding = false;
  let full = false;
  let ticksSinceCollection = limits.collectTicks;
  let exchanges = 0;
  let open: { readonly size: number } = { size: 0 };
  let openAtTick = 0;
  let descriptors = Number.POSITIVE_INFINITY;
  /** Short of descriptors: requests on connections that are open need few or none of them. */
  let crowded = false;
  let told = false;
  const isAbove = (share: number, limit: number): boolean =>
    share > (shedding ? limit * limits.relief : limit);
  const isHeapFull = (): boolean => {
    if (!isAbove(source.heap(), limits.heapShare)) return false;
    // Garbage is no load: once in a while it is worth a pause to know.
    if (ticksSinceCollection < limits.collectTicks) return true;
    ticksSinceCollection = 0;
    source.collect();
    return isAbove(source.heap(), limits.heapShare);
  };
  /** Of the heap, for what young connections have not taken yet. */
  const reserved = (): number =>
    (Math.max(0, open.size - openAtTick) * limits.newConnectionBytes) / source.heapLimit;
  const isCrowded = (): boolean =>
    open.size > descriptors * limits.descriptorShare * (crowded ? limits.relief : 1);
  const tell = (): void => {
    if (told === (shedding || crowded)) return;
    told = !told;
    onChange(told);
  };
  const look = (fresh: boolean): void => {
    shedding = isHeapFull() || isAbove(source.memory(fresh), limits.memoryShare);
    full = shedding && source.heap() > limits.fullShare;
    tell();
  };
  return {
    get shedding() {
      return shedding;
    },
    shed,
    admitConnection() {
      if (!shedding) look(false);
      crowded = isCrowded();
      tell();
      const admitted = !shedding && !crowded && source.heap() + reserved() <= limits.heapShare;
      if (!admitted) shed.connection += 1;
      return admitted;
    },
    admitExchange(running) {
      exchanges += 1;
      if (exchanges % limits.exchangesPerLook === 0) look(false);
      const admitted = !shedding || (!full && running < limits.exchangesWhileShedding);
      if (!admitted) shed.exchange += 1;
      return admitted;
    },
    tick(wires) {
      ticksSinceCollection += 1;
      open = wires;
      openAtTick = wires.size;
      descriptors = source.descriptorLimit() ?? descriptors;
      crowded = isCrowded();
      look(true);
      if (told) shed.idle += idle.closeSome(wires, limits);
      else idle.forget();
    },
  };
}

type Silences = Map<Wire, { readonly bytesRead: number; readonly ticks: number }>;

/** Finds the connections that say nothing: a keep-alive client in use is only idle for moments. */
class IdleWires {
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

function processMemory(): MemorySource {
  const readShare = openContainerMemory();
  // A read costs 50 µs.
  const looksPerRead = 16;
  let looks = 0;
  let share = 0;
  return {
    heapLimit: getHeapStatistics().heap_size_limit,
    heap() {
      const { used_heap_size: used, heap_size_limit: most } = getHeapStatistics();
      return used / most;
    },
    memory(fresh) {
      looks += 1;
      if (readShare !== undefined && (fresh || looks % looksPerRead === 0)) share = readShare();
      return share;
    },
    collect: () => globalThis.gc?.(),
    descriptorLimit: openDescriptorLimit(),
  };
}
