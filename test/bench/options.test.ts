import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOptions } from "../../bench/options.ts";

function chosen(...argv: string[]): { readonly peers: string[]; readonly features: string[] } {
  const options = parseOptions(argv);
  assert.ok(options !== "list");
  const features = options.scenarios.find(({ name }) => name === "features");
  return {
    peers: options.peers.map(({ name }) => name),
    features: features?.peers?.map(({ name }) => name) ?? [],
  };
}

test("a name stands for its family, and direct always takes part", () => {
  assert.deepEqual(chosen("http1-1", "--peers", "haproxy").peers, [
    "direct",
    "haproxy",
    "haproxy-h2",
    "haproxy-tcp",
  ]);
});

test("a name beside one of its family stands for itself only", () => {
  assert.deepEqual(chosen("http1-1", "--peers", "haproxy,haproxy-tcp").peers, [
    "direct",
    "haproxy",
    "haproxy-tcp",
  ]);
});

test("--peers narrows the variants of a scenario that brings its own", () => {
  const { features } = chosen("features", "--peers", "remora,remora-rules-10000");
  assert.deepEqual(features, ["remora", "remora-rules-10000"]);
  assert.ok(chosen("features").features.length > 10);
});

test("a scenario none of whose peers is wanted is left out", () => {
  const options = parseOptions(["features", "idle", "--peers", "haproxy"]);
  assert.ok(options !== "list");
  assert.deepEqual(
    options.scenarios.map(({ name }) => name),
    ["idle"],
  );
});

test("an unknown peer is refused with the names that there are", () => {
  assert.throws(
    () => parseOptions(["--peers", "squid"]),
    /no peer is called squid; there are direct, remora, /,
  );
});
