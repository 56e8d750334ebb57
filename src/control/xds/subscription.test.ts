import assert from "node:assert/strict";
import { test } from "node:test";
import type { Resource } from "../model/resource.ts";
import { LimitError, type Lookup, maxKeys, Subscription, type Update } from "./subscription.ts";

const noRequest = { subscribe: [], unsubscribe: [], initialVersions: {} };

function resource(name: string, version: string, bytes = 10): Resource {
  return { name, version, typeUrl: "t", body: new Uint8Array(bytes) };
}

/** A world of resources; a key `vip` stands for a service with its members. */
function world(
  resources: Readonly<Record<string, string>>,
  members: readonly string[] = [],
): Lookup {
  const find = (name: string): Resource[] => {
    const version = resources[name];
    return version === undefined ? [] : [resource(name, version)];
  };
  return {
    resolve: (key) => (key === "vip" ? [...find(key), ...members.flatMap(find)] : find(key)),
    all: () => Object.keys(resources).flatMap(find),
  };
}

const summary = (update: Update | undefined) =>
  update && {
    resources: update.resources.map(({ name, version }) => `${name}@${version}`),
    removed: update.removed,
  };

/** The next response when anything may have changed. */
function next(subscription: Subscription, lookup: Lookup, maxBytes: number): Update | undefined {
  subscription.touch(undefined);
  return subscription.next(lookup, maxBytes);
}

/** A subscription that has sent the given world. */
function subscribed(lookup: Lookup, ...keys: string[]): Subscription {
  const subscription = new Subscription();
  subscription.request({ ...noRequest, subscribe: keys });
  next(subscription, lookup, 1e6);
  return subscription;
}

test("nothing is said before the first request, and the first request is always answered", () => {
  const subscription = new Subscription();
  assert.equal(next(subscription, world({ a: "1" }), 1e6), undefined);
  subscription.request({ ...noRequest, subscribe: ["*"], unsubscribe: ["*"] });
  assert.deepEqual(summary(next(subscription, world({ a: "1" }), 1e6)), {
    resources: [],
    removed: [],
  });
  assert.equal(next(subscription, world({ a: "1" }), 1e6), undefined);
});

test("a first request without names means everything", () => {
  const subscription = new Subscription();
  subscription.request(noRequest);
  assert.deepEqual(summary(next(subscription, world({ a: "1", b: "2" }), 1e6)), {
    resources: ["a@1", "b@2"],
    removed: [],
  });
});

test("every key is answered, one that does not exist as removed", () => {
  const subscription = new Subscription();
  subscription.request({ ...noRequest, subscribe: ["a", "absent"] });
  assert.deepEqual(summary(next(subscription, world({ a: "1", b: "2" }), 1e6)), {
    resources: ["a@1"],
    removed: ["absent"],
  });
  assert.equal(next(subscription, world({ a: "1" }), 1e6), undefined);
});

test("a key that did not exist is sent once it does", () => {
  const subscription = subscribed(world({}), "a");
  assert.deepEqual(summary(next(subscription, world({ a: "1" }), 1e6)), {
    resources: ["a@1"],
    removed: [],
  });
});

test("only what changed is sent", () => {
  const subscription = subscribed(world({ a: "1", b: "1" }), "a", "b");
  assert.deepEqual(summary(next(subscription, world({ a: "1", b: "2", c: "1" }), 1e6)), {
    resources: ["b@2"],
    removed: [],
  });
});

test("the members of a service follow it: new ones are sent, lost ones removed", () => {
  const first = world({ vip: "1", m1: "1", m2: "1" }, ["m1", "m2"]);
  const subscription = new Subscription();
  subscription.request({ ...noRequest, subscribe: ["vip"] });
  assert.deepEqual(summary(next(subscription, first, 1e6)), {
    resources: ["vip@1", "m1@1", "m2@1"],
    removed: [],
  });
  const second = world({ vip: "1", m2: "2", m3: "1" }, ["m2", "m3"]);
  assert.deepEqual(summary(next(subscription, second, 1e6)), {
    resources: ["m2@2", "m3@1"],
    removed: ["m1"],
  });
});

test("a member is kept while another key still asks for it", () => {
  const subscription = subscribed(world({ vip: "1", m: "1" }, ["m"]), "vip", "m");
  assert.equal(next(subscription, world({ vip: "1", m: "1" }, []), 1e6), undefined);
});

test("a member that goes from one service to another is not taken back", () => {
  const two = (a: string[], b: string[]): Lookup => ({
    resolve: (key) => (key === "a" ? a : b).map((name) => resource(name, "1")),
    all: () => [],
  });
  const subscription = subscribed(two(["a", "m"], ["b"]), "a", "b");
  assert.equal(next(subscription, two(["a"], ["b", "m"]), 1e6), undefined);
  assert.equal(next(subscription, two(["a", "m"], ["b"]), 1e6), undefined);
});

test("only keys that are touched are looked at", () => {
  const asked: string[] = [];
  const lookup: Lookup = {
    resolve(key) {
      asked.push(key);
      return [resource(key, "1")];
    },
    all: () => [],
  };
  const subscription = subscribed(lookup, "a", "b", "/FD00:0::1");
  asked.length = 0;
  subscription.touch(new Set(["b", "x"]));
  subscription.next(lookup, 1e6);
  // What is not written in the normal form cannot be told by its name.
  assert.deepEqual(asked, ["/FD00:0::1", "b"]);
});

test("a removed resource is told once", () => {
  const subscription = subscribed(world({ a: "1" }), "a");
  assert.deepEqual(summary(next(subscription, world({}), 1e6)), { resources: [], removed: ["a"] });
  assert.equal(next(subscription, world({}), 1e6), undefined);
});

test("after a reconnect only differences to the held versions are sent, and vanished ones removed", () => {
  const subscription = new Subscription();
  subscription.request({
    subscribe: ["a", "b", "c"],
    unsubscribe: [],
    initialVersions: { a: "1", b: "1", c: "1" },
  });
  assert.deepEqual(summary(next(subscription, world({ a: "1", b: "2" }), 1e6)), {
    resources: ["b@2"],
    removed: ["c"],
  });
});

test("after a reconnect with nothing new an empty answer comes", () => {
  const subscription = new Subscription();
  subscription.request({ ...noRequest, subscribe: ["a"], initialVersions: { a: "1" } });
  assert.deepEqual(summary(next(subscription, world({ a: "1" }), 1e6)), {
    resources: [],
    removed: [],
  });
});

test("an unsubscribed key is not heard of again, and asking again is answered again", () => {
  const subscription = subscribed(world({ a: "1" }), "a");
  subscription.request({ ...noRequest, unsubscribe: ["a"] });
  next(subscription, world({ a: "2" }), 1e6);
  assert.equal(next(subscription, world({ a: "3" }), 1e6), undefined);
  subscription.request({ ...noRequest, subscribe: ["a"] });
  assert.deepEqual(summary(next(subscription, world({ a: "3" }), 1e6)), {
    resources: ["a@3"],
    removed: [],
  });
});

test("who asks for a key that it already has is told again", () => {
  const subscription = subscribed(world({ a: "1" }), "a");
  subscription.request({ ...noRequest, subscribe: ["a"] });
  assert.deepEqual(summary(next(subscription, world({ a: "1" }), 1e6)), {
    resources: ["a@1"],
    removed: [],
  });
});

test("a large answer is sent in pieces of the newest state", () => {
  const names = Array.from({ length: 10 }, (_, index) => `n${index}`);
  const subscription = new Subscription();
  subscription.request({ ...noRequest, subscribe: ["*"] });
  const lookup = world(Object.fromEntries(names.map((name) => [name, "1"])));
  const first = next(subscription, lookup, 300);
  assert.ok(first && first.resources.length > 0 && first.resources.length < 10);
  const newer = world(Object.fromEntries(names.map((name) => [name, "2"])));
  const seen = new Map(first.resources.map(({ name, version }) => [name, version]));
  for (;;) {
    const update = next(subscription, newer, 300);
    if (update === undefined) break;
    for (const { name, version } of update.resources) seen.set(name, version);
  }
  assert.deepEqual(
    Array.from(seen.values()),
    Array.from({ length: 10 }, () => "2"),
  );
});

test("a resource that alone exceeds the size of a response is sent alone", () => {
  const subscription = new Subscription();
  subscription.request({ ...noRequest, subscribe: ["big"] });
  const lookup: Lookup = { resolve: () => [resource("big", "1", 5_000)], all: () => [] };
  assert.equal(next(subscription, lookup, 100)?.resources.length, 1);
});

test("a proxy that asks for too many or too long names is stopped", () => {
  const subscription = new Subscription();
  const many = Array.from({ length: maxKeys + 1 }, (_, index) => `k${index}`);
  assert.throws(() => subscription.request({ ...noRequest, subscribe: many }), LimitError);
  const long = { ...noRequest, subscribe: ["x".repeat(600)] };
  assert.throws(() => new Subscription().request(long), LimitError);
});
