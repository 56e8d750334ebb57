/** Load shed: near the end of the memory or the descriptors that the sidecar may have, new work is refused so that the rest lives on. */
import { getHeapStatistics } from "node:v8";
import type { Bag } from "../../core/churn-set.ts";
import { trimMemory } from "../../core/ffi/trim-memory.ts";
import type { Reset } from "../../protocol/exchange.ts";
import { type ContainerMemory, openContainerMemory } from "./container-memory.ts";
import { openDescriptorLimit } from "./descriptor-limit.ts";
import type { Wire } from "./wire.ts";

export interface OverloadLimits {
  /**
   * Bytes of V8's heap that are kept free: with less, the sidecar sheds load: no new connections, no more requests from connections
   * that have several, and idle connections are closed. Default 12 MiB: V8 keeps seven for what is young and ends when the rest is
   * full, and what arrives between two looks must fit into that.
   */
  readonly heapRoom: number;
  /** With less room in the heap every request is refused. Default 9.5 MiB: a collection still needs room. */
  readonly fullRoom: number;
  /**
   * Share of the container's memory, where it has a limit, above which load is shed. Default 0.75: a collection needs room
   * too, and the kernel kills at the end.
   */
  readonly memoryShare: number;
  /** Share of the container's memory above which every request is refused. Default 0.85: what is refused had to be read before. */
  readonly fullMemoryShare: number;
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
  heapRoom: 12 * 1024 * 1024,
  fullRoom: 9.5 * 1024 * 1024,
  memoryShare: 0.75,
  fullMemoryShare: 0.85,
  descriptorShare: 0.8,
  exchangesWhileShedding: 4,
  relief: 0.9,
  exchangesPerLook: 32,
  collectTicks: 5,
  newConnectionBytes: 12 * 1024,
  idleTicks: 5,
  idlePart: 0.5,
};

/** What is in use. */
export interface MemoryShares {
  /** Of what V8 may take. */
  readonly heap: number;
  /** Of the container's memory; 0 when it has no limit. */
  readonly container: number;
}

/** Where the readings come from; a test gives its own. */
export interface MemorySource {
  /** Only `fresh` is the container's share what the kernel counts now, else an estimate. */
  measure(fresh: boolean): MemoryShares;
  /** What V8 may take, in bytes. */
  readonly heapLimit: number;
  /** Garbage out of the heap, and what is free back to the kernel. */
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
  /** At the last look. */
  let shares: MemoryShares = { heap: 0, container: 0 };
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
  const heapShare = 1 - limits.heapRoom / source.heapLimit;
  const fullShare = 1 - limits.fullRoom / source.heapLimit;
  const isShort = ({ heap, container }: MemoryShares): boolean =>
    isAbove(heap, heapShare) || isAbove(container, limits.memoryShare);
  /** Garbage is no load: once in a while it is worth a pause to know. */
  const measureLiving = (fresh: boolean): MemoryShares => {
    const shares = source.measure(fresh);
    if (!isShort(shares) || ticksSinceCollection < limits.collectTicks) return shares;
    ticksSinceCollection = 0;
    source.collect();
    return source.measure(true);
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
    shares = measureLiving(fresh);
    shedding = isShort(shares);
    full = shedding && (shares.heap > fullShare || shares.container > limits.fullMemoryShare);
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
      const admitted = !shedding && !crowded && shares.heap + reserved() <= heapShare;
      if (!admitted) shed.connection += 1;
      return admitted;
    },
    admitExchange(running) {
      exchanges += 1;
      // What 32 of them bring is much of what a small container has left.
      if (shedding || exchanges % limits.exchangesPerLook === 0) look(false);
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
  const readContainer = openContainerMemory();
  // A read costs 50 µs.
  const looksPerRead = 16;
  let looks = 0;
  let container: ContainerMemory = { used: 0, limit: Number.POSITIVE_INFINITY };
  let takenThen = 0;
  return {
    heapLimit: getHeapStatistics().heap_size_limit,
    measure(fresh) {
      const statistics = getHeapStatistics();
      const heap = statistics.used_heap_size / statistics.heap_size_limit;
      if (readContainer === undefined) return { heap, container: 0 };
      looks += 1;
      // A burst takes more between two reads than is left: heads into the heap, and bodies into buffers beside it.
      const taken = statistics.total_heap_size + statistics.external_memory;
      if (fresh || looks % looksPerRead === 0) {
        container = readContainer();
        takenThen = taken;
      }
      const used = container.used + Math.max(0, taken - takenThen);
      return { heap, container: used / container.limit };
    },
    collect() {
      globalThis.gc?.();
      trimMemory();
    },
    descriptorLimit: openDescriptorLimit(),
  };
}
