import assert from "node:assert/strict";
import { test } from "node:test";
import { Stream, type StreamLink } from "./stream.ts";
import { StreamMap } from "./stream-map.ts";

const link = {} as StreamLink;
const create = (id: number) => new Stream(id, link, 0, 0, 0);

test("streams are found, deleted once and listed by age, whatever chain they share", () => {
  const map = new StreamMap();
  const known = new Map<number, Stream>();
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 48_271) % 0x7fff_ffff;
    return seed % below;
  };
  let next = 1;
  for (let step = 0; step < 20_000; step += 1) {
    if (known.size < 200 && random(2) === 0) {
      const stream = create(next);
      // Gaps make chains uneven.
      next += 2 + 64 * random(3);
      map.add(stream);
      known.set(stream.id, stream);
    } else if (known.size > 0) {
      const stream = Array.from(known.values())[random(known.size)] as Stream;
      known.delete(stream.id);
      assert.equal(map.delete(stream), true);
      assert.equal(map.delete(stream), false);
      assert.equal(map.get(stream.id), undefined);
      assert.equal(stream.next, undefined);
    }
    assert.equal(map.size, known.size);
  }
  assert.ok(known.size > 0);
  for (const [id, stream] of known) assert.equal(map.get(id), stream);
  assert.deepEqual(map.all(), Array.from(known.values()));
});

test("another stream of the same identifier is not the one that is there", () => {
  const map = new StreamMap();
  const stream = create(5);
  map.add(stream);
  assert.equal(map.delete(create(5)), false);
  assert.equal(map.get(5), stream);
});

test("what is cleared is gone, and holds on to nothing", () => {
  const map = new StreamMap();
  const streams = [create(1), create(65), create(129)];
  for (const stream of streams) map.add(stream);
  map.clear();
  assert.equal(map.size, 0);
  assert.deepEqual(map.all(), []);
  assert.ok(streams.every(({ next }) => next === undefined));
});
