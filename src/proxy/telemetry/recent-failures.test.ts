import assert from "node:assert/strict";
import { test } from "node:test";
import type { SeriesFamily } from "../../core/metrics.ts";
import { createDataPathFamilies } from "./families.ts";
import {
  type Failure,
  failuresKept,
  failureTextLength,
  RecentFailures,
} from "./recent-failures.ts";

const refused: Failure = {
  direction: "outbound",
  error: "connect_refused",
  client: "10.7.0.2:40000",
  peer: "spiffe://cluster.local/ns/shop/sa/web",
  service: "shop/web",
  detail: "10.7.0.4:8080: ECONNREFUSED",
  method: "GET",
  path: "/first",
};

interface Rig {
  readonly failures: RecentFailures;
  readonly errors: SeriesFamily;
  readonly at: (millis: number) => void;
}

function createFailures(): Rig {
  let now = 0;
  const { errors } = createDataPathFamilies();
  const at = (millis: number): void => void (now = millis);
  return { failures: new RecentFailures(errors, () => now), errors, at };
}

test("every failure is counted by its code, those too that are told no more", () => {
  const { failures, errors } = createFailures();
  for (let index = 0; index < 3 * failuresKept; index += 1)
    failures.add({ ...refused, service: `shop/${index % 100}` });
  failures.add({ ...refused, error: "upstream_reset" });
  assert.equal(errors.series("connect_refused").value, 3 * failuresKept);
  assert.equal(errors.series("upstream_reset").value, 1);
  assert.equal(errors.series("internal").value, 0);
});

test("failures that are alike are one, with the first as the example and the time of both ends", () => {
  const { failures, at } = createFailures();
  at(1_000);
  failures.add(refused);
  at(5_000);
  failures.add({ ...refused, client: "10.7.0.2:40001", path: "/second" });
  const [only, ...others] = failures.list();
  assert.equal(others.length, 0);
  assert.equal(only?.count, 2);
  assert.equal(only.path, "/first");
  assert.equal(only.first, "1970-01-01T00:00:01.000Z");
  assert.equal(only.last, "1970-01-01T00:00:05.000Z");
});

test("another code, direction, service, peer, policy or detail is another kind", () => {
  const { failures } = createFailures();
  failures.add(refused);
  for (const other of [
    { error: "upstream_reset" },
    { direction: "inbound" },
    { service: "shop/api" },
    { peer: "" },
    { policy: "shop/only-web" },
    { detail: "10.7.0.5:8080: ECONNREFUSED" },
  ] as const)
    failures.add({ ...refused, ...other });
  assert.equal(failures.list().length, 7);
});

test("the newest is told first, and the one that was not seen for longest goes", () => {
  const { failures } = createFailures();
  failures.add(refused);
  for (let index = 0; index < failuresKept - 1; index += 1)
    failures.add({ ...refused, service: `shop/${index}` });
  failures.add(refused);
  failures.add({ ...refused, service: "shop/last" });
  const services = failures.list().map(({ service }) => service);
  assert.equal(services.length, failuresKept);
  assert.deepEqual(services.slice(0, 2), ["shop/last", "shop/web"]);
  assert.equal(services.includes("shop/0"), false);
});

test("ever new failures of one code wash away their own, and no other code, nor the other direction", () => {
  const { failures } = createFailures();
  failures.add({ ...refused, error: "upstream_reset" });
  failures.add(refused);
  for (let index = 0; index < 3 * failuresKept; index += 1)
    failures.add({ ...refused, direction: "inbound", detail: `reason ${index}` });
  const told = failures.list();
  assert.equal(told.length, failuresKept);
  assert.equal(told[0]?.detail, `reason ${3 * failuresKept - 1}`);
  const others = told.slice(-2).map(({ direction, error }) => `${direction} ${error}`);
  assert.deepEqual(others, ["outbound connect_refused", "outbound upstream_reset"]);
});

test("texts from outside are cut, and still recognized", () => {
  const { failures } = createFailures();
  const long = { ...refused, path: `/${"a".repeat(65_000)}`, detail: "b".repeat(5_000) };
  failures.add(long);
  failures.add(long);
  const [only] = failures.list();
  assert.equal(only?.count, 2);
  assert.equal(only.path?.length, failureTextLength + 1);
  assert.equal(only.detail?.length, failureTextLength + 1);
});
