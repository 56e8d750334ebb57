import assert from "node:assert/strict";
import { test } from "node:test";
import { FreeConnections, type PooledConnection } from "./free-connections.ts";

interface Fake extends PooledConnection {
  readonly opener: { capacity: number; open: () => never };
}

function create(): Fake {
  const opener = { capacity: 1, open: () => assert.fail("nothing is opened here") };
  return { opener, place: -1, drain() {} };
}

function take(connections: FreeConnections): Fake | undefined {
  const found = connections.find() as Fake | undefined;
  if (found !== undefined) found.opener.capacity = 0;
  return found;
}

function free(connections: FreeConnections, connection: Fake): void {
  connection.opener.capacity = 1;
  connections.freed(connection);
}

test("the connection that had room last is used first", () => {
  const connections = new FreeConnections();
  const [one, other] = [create(), create()];
  connections.add(one);
  connections.add(other);
  assert.equal(take(connections), one);
  assert.equal(take(connections), other);
  assert.equal(take(connections), undefined);
  free(connections, other);
  free(connections, one);
  assert.equal(take(connections), one);
  assert.equal(take(connections), other);
});

test("a connection that left the pool is not found, and may be freed and left again", () => {
  const connections = new FreeConnections();
  const [one, other] = [create(), create()];
  connections.add(one);
  connections.add(other);
  assert.equal(take(connections), one);
  connections.delete(one);
  connections.delete(one);
  free(connections, one);
  assert.equal(connections.size, 1);
  assert.equal(take(connections), other);
  assert.equal(take(connections), undefined);
});

test("whatever comes and goes, exactly those with room are found", () => {
  const connections = new FreeConnections();
  const all = new Set<Fake>();
  let seed = 11;
  const random = (below: number): number => {
    seed = (seed * 48_271) % 0x7fff_ffff;
    return seed % below;
  };
  for (let step = 0; step < 20_000; step += 1) {
    const any = Array.from(all)[random(Math.max(1, all.size))];
    const withRoom = Array.from(all).filter(({ opener }) => opener.capacity > 0);
    const what = random(4);
    if (what === 0 && all.size < 40) {
      const connection = create();
      all.add(connection);
      connections.add(connection);
    } else if (what === 1 && any !== undefined) {
      all.delete(any);
      connections.delete(any);
    } else if (what === 2 && any !== undefined && any.opener.capacity === 0) {
      free(connections, any);
    } else {
      const taken = take(connections);
      assert.equal(taken !== undefined, withRoom.length > 0);
      assert.ok(taken === undefined || withRoom.includes(taken));
    }
    assert.equal(connections.size, all.size);
  }
});
