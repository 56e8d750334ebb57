import assert from "node:assert/strict";
import { test } from "node:test";
import type { Endpoint } from "../discovery/destination.ts";
import { EndpointLoad } from "./endpoint-load.ts";
import { Picker } from "./picker.ts";

function endpoint(ip: string, uid = ip): Endpoint {
  const tunnel = "none" as const;
  return { ip, port: 80, tunnel, identity: undefined, namespace: "n", workload: "w", uid };
}

/** A repeatable stream of numbers in [0, 1). */
function random(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

const three = [endpoint("10.0.0.1"), endpoint("10.0.0.2"), endpoint("10.0.0.3")];

test("an empty set gives nothing, a single endpoint gives itself", () => {
  const picker = new Picker(random());
  assert.equal(picker.pick(0), undefined);
  picker.update([three[0] as Endpoint]);
  assert.equal(picker.pick(0)?.endpoint.ip, "10.0.0.1");
});

test("equal endpoints share the load", () => {
  const picker = new Picker(random());
  picker.update(three);
  const counts = new Map<string, number>();
  for (let index = 0; index < 3_000; index += 1) {
    const load = picker.pick(index) as EndpointLoad;
    load.observe(5 + (index % 3), index);
    counts.set(load.endpoint.ip, (counts.get(load.endpoint.ip) ?? 0) + 1);
  }
  for (const count of counts.values()) assert.ok(count > 600 && count < 1_600, String(count));
});

test("an endpoint that has never answered is tried at once, but by one request only", () => {
  const picker = new Picker(random());
  picker.update(three.slice(0, 2));
  const first = picker.pick(0) as EndpointLoad;
  first.pending += 1;
  const second = picker.pick(0) as EndpointLoad;
  assert.notEqual(second, first);
  first.pending -= 1;
  first.observe(10, 0);
  second.pending += 1;
  for (let index = 0; index < 20; index += 1) assert.equal(picker.pick(0), first);
});

test("the slower of two is chosen only when the quicker one has a queue", () => {
  const picker = new Picker(random());
  picker.update(three.slice(0, 2));
  const slow = picker.pick(0) as EndpointLoad;
  slow.observe(100, 0);
  const quick = picker.pick(0) as EndpointLoad;
  assert.notEqual(quick, slow);
  quick.observe(1, 0);
  assert.equal(picker.pick(0), quick);
  quick.pending = 200;
  assert.equal(picker.pick(0), slow);
});

test("an endpoint that refused is passed over until its penalty ends, but not when it is the only one", () => {
  const picker = new Picker(random());
  picker.update(three.slice(0, 2));
  const refused = picker.pick(0) as EndpointLoad;
  refused.penalize(0);
  for (let index = 0; index < 50; index += 1) assert.notEqual(picker.pick(100), refused);
  picker.update([refused.endpoint]);
  assert.equal(picker.pick(100)?.endpoint.ip, refused.endpoint.ip);
  assert.equal(refused.isAvoided(600), false);
});

test("what was tried is not offered again", () => {
  const picker = new Picker(random());
  picker.update(three);
  const tried = new Set<EndpointLoad>();
  for (let index = 0; index < 3; index += 1) tried.add(picker.pick(0, tried) as EndpointLoad);
  assert.equal(tried.size, 3);
  assert.equal(picker.pick(0, tried), undefined);
});

test("loads are kept over a change of the set, and an address that became another pod starts anew", () => {
  const picker = new Picker(random());
  picker.update([three[0] as Endpoint]);
  const load = picker.pick(0);
  picker.update([endpoint("10.0.0.1")]);
  assert.equal(picker.pick(0), load);
  picker.update([endpoint("10.0.0.1", "another-pod")]);
  assert.notEqual(picker.pick(0), load);
});

test("a slow answer counts at once and fades", () => {
  const load = new EndpointLoad(three[0] as Endpoint);
  load.observe(50, 0);
  assert.equal(load.cost(0), 50);
  load.observe(1, 1);
  assert.ok(load.cost(1) > 40);
  assert.ok(load.cost(60_000) < 0.5);
});
