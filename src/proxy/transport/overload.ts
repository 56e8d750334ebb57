/** Load shed: near the end of the memory or the descriptors that the sidecar may have, new work is refused so that the rest lives on. */
import type { Bag } from "../../core/churn-set.ts";
import { IdleWires } from "./idle-wires.ts";
import { type MemoryShares, processResources, type Resources } from "./resources.ts";
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

/** `onChange` hears when new work begins to be refused, and when that ends. */
export function createOverload(
  onChange: (shedding: boolean) => void = () => {},
  resources: Resources = processResources(),
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
  const heapShare = 1 - limits.heapRoom / resources.heapLimit;
  const fullShare = 1 - limits.fullRoom / resources.heapLimit;
  const isShort = ({ heap, container }: MemoryShares): boolean =>
    isAbove(heap, heapShare) || isAbove(container, limits.memoryShare);
  /** Garbage is no load: once in a while it is worth a pause to know. */
  const measureLiving = (fresh: boolean): MemoryShares => {
    const shares = resources.measure(fresh);
    if (!isShort(shares) || ticksSinceCollection < limits.collectTicks) return shares;
    ticksSinceCollection = 0;
    resources.collect();
    return resources.measure(true);
  };
  /** Of the heap, for what young connections have not taken yet. */
  const reserved = (): number =>
    (Math.max(0, open.size - openAtTick) * limits.newConnectionBytes) / resources.heapLimit;
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
      descriptors = resources.descriptorLimit() ?? descriptors;
      crowded = isCrowded();
      look(true);
      if (told) shed.idle += idle.closeSome(wires, limits);
      else idle.forget();
    },
  };
}
