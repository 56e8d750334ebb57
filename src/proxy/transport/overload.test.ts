import assert from "node:assert/strict";
import { test } from "node:test";
import { createOverload, defaultOverloadLimits } from "./overload.ts";
import type { Wire } from "./wire.ts";

const { collectTicks, exchangesPerLook, exchangesWhileShedding, idleTicks, newConnectionBytes } =
  defaultOverloadLimits;

/** Of it `heapRoom` is a quarter, and `fullRoom` a fifth. */
const heapLimit = 48 * 2 ** 20;

/** A process whose memory is what the test says, some of it garbage. */
function scene() {
  const process = {
    live: 0.3,
    garbage: 0,
    container: 0,
    freed: 0,
    collections: 0,
    descriptors: 1e6,
  };
  const changes: boolean[] = [];
  const overload = createOverload((shedding) => changes.push(shedding), {
    measure: () => ({ heap: process.live + process.garbage, container: process.container }),
    heapLimit,
    descriptorLimit: () => process.descriptors,
    collect() {
      process.collections += 1;
      process.garbage = 0;
      process.container -= process.freed;
      process.freed = 0;
    },
  });
  return { process, overload, changes };
}

function idleWire(bytesRead: number, active = 0): { wire: Wire; closed: () => boolean } {
  let closed = false;
  const wire = {
    isDownstream: true,
    engine: { active },
    socket: { bytesRead },
    destroy: () => void (closed = true),
  } as unknown as Wire;
  return { wire, closed: () => closed };
}

test("with memory to spare everything is admitted", () => {
  const { overload } = scene();
  for (let n = 0; n < 1_000; n += 1) {
    assert.ok(overload.admitConnection() && overload.admitExchange(100));
  }
  assert.deepEqual(overload.shed, { connection: 0, exchange: 0, idle: 0 });
});

test("what the container has left is read anew in each tick, not for each connection", () => {
  const asked: boolean[] = [];
  const overload = createOverload(() => {}, {
    measure(fresh) {
      asked.push(fresh);
      return { heap: 0, container: 0 };
    },
    heapLimit,
    collect: () => {},
    descriptorLimit: () => 1e6,
  });
  overload.admitConnection();
  overload.tick(new Set());
  assert.deepEqual(asked, [false, true]);
});

test("garbage is collected before anybody is refused, and not again at once", () => {
  const { process, overload } = scene();
  process.garbage = 0.6;
  assert.equal(overload.admitConnection(), true);
  assert.equal(process.collections, 1);
  process.garbage = 0.6;
  assert.equal(overload.admitConnection(), false);
  for (let tick = 0; tick < collectTicks; tick += 1) overload.tick(new Set());
  assert.equal(process.collections, 2);
  assert.equal(overload.shedding, false);
});

test("short of memory, new connections are refused and busy ones get no more requests", () => {
  const { process, overload, changes } = scene();
  process.live = 0.78;
  assert.equal(overload.admitConnection(), false);
  assert.equal(overload.admitExchange(exchangesWhileShedding), false);
  assert.equal(overload.admitExchange(exchangesWhileShedding - 1), true);
  assert.deepEqual(overload.shed, { connection: 1, exchange: 1, idle: 0 });
  assert.deepEqual(changes, [true]);
});

test("a burst is refused before its connections have taken their memory, and the next second has room again", () => {
  const { process, overload } = scene();
  const wires = new Set<Wire>();
  const dial = (): boolean => {
    const admitted = overload.admitConnection();
    if (admitted) wires.add(idleWire(0).wire);
    return admitted;
  };
  overload.tick(wires);
  const admitted = Array.from({ length: 10_000 }, dial).filter(Boolean).length;
  assert.equal(admitted, Math.floor(((0.75 - 0.3) * heapLimit) / newConnectionBytes) + 1);
  assert.equal(overload.shedding, false);
  process.live = 0.4;
  overload.tick(wires);
  assert.equal(dial(), true);
  for (const wire of Array.from(wires)) wires.delete(wire);
  assert.ok(Array.from({ length: 1_000 }, () => overload.admitConnection()).every(Boolean));
});

test("short of descriptors, new connections are refused and idle ones closed, and requests go on", () => {
  const { process, overload, changes } = scene();
  process.descriptors = 10;
  const wires = new Set(Array.from({ length: 9 }, () => idleWire(0).wire));
  overload.tick(wires);
  assert.equal(overload.admitConnection(), false);
  assert.equal(overload.admitExchange(100), true);
  for (let tick = 0; tick < idleTicks; tick += 1) overload.tick(wires);
  assert.equal(overload.shed.idle, 5);
  for (const wire of Array.from(wires).slice(0, 2)) wires.delete(wire);
  assert.equal(overload.admitConnection(), true);
  assert.deepEqual(changes, [true, false]);
});

test("a full heap refuses every request", () => {
  const { process, overload } = scene();
  process.live = 0.95;
  for (let n = 0; n < exchangesPerLook; n += 1) overload.admitExchange(0);
  assert.equal(overload.admitExchange(0), false);
});

test("a container is looked at after its garbage is gone, and each request while it is short", () => {
  const { process, overload } = scene();
  process.container = 0.8;
  process.freed = 0.2;
  assert.equal(overload.admitConnection(), true);
  assert.equal(process.collections, 1);
  process.container = 0.8;
  assert.equal(overload.admitConnection(), false);
  process.container = 0.5;
  assert.equal(overload.admitExchange(100), true);
});

test("a container near its limit sheds load too, and nearer still refuses every request", () => {
  const { process, overload } = scene();
  process.container = 0.8;
  assert.equal(overload.admitConnection(), false);
  assert.equal(overload.admitExchange(0), true);
  process.container = 0.9;
  overload.tick(new Set());
  assert.equal(overload.admitExchange(0), false);
});

test("shedding ends when there is room, and not on its edge", () => {
  const { process, overload, changes } = scene();
  process.live = 0.8;
  overload.tick(new Set());
  process.live = 0.7;
  overload.tick(new Set());
  assert.equal(overload.shedding, true);
  process.live = 0.5;
  overload.tick(new Set());
  assert.deepEqual(changes, [true, false]);
});

test("while load is shed, connections that say nothing are closed, the oldest first", () => {
  const { process, overload } = scene();
  process.live = 0.8;
  const silent = [idleWire(0), idleWire(500), idleWire(0)];
  const busy = idleWire(10, 1);
  const wires = new Set([busy, ...silent].map(({ wire }) => wire));
  for (let tick = 0; tick < idleTicks; tick += 1) overload.tick(wires);
  assert.ok(
    silent.every(({ closed }) => !closed()),
    "time must pass first",
  );
  overload.tick(wires);
  assert.deepEqual(
    silent.map(({ closed }) => closed()),
    [true, true, false],
  );
  assert.equal(busy.closed(), false);
  assert.equal(overload.shed.idle, 2);
});

test("a connection that spoke since the last tick is not idle", () => {
  const { process, overload } = scene();
  process.live = 0.8;
  const socket = { bytesRead: 0 };
  const { wire, closed } = idleWire(0);
  Object.assign(wire, { socket });
  for (let tick = 0; tick < 3 * idleTicks; tick += 1) {
    if (tick % idleTicks === 0) socket.bytesRead += 100;
    overload.tick(new Set([wire]));
  }
  assert.equal(closed(), false);
});
