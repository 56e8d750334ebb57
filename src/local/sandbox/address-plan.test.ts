import assert from "node:assert/strict";
import { test } from "node:test";
import { planAddresses } from "./address-plan.ts";

test("one mesh gets the same addresses every time, another one others", () => {
  const first = planAddresses("shop", [])?.podRange;
  assert.equal(planAddresses("shop", [])?.podRange, first);
  assert.notEqual(planAddresses("other", [])?.podRange, first);
});

test("pods and services share a block, and the gateway is its first address", () => {
  const plan = planAddresses("shop", []);
  assert.ok(plan);
  const block = plan.podRange.split(".").slice(0, 2).join(".");
  assert.equal(plan.podRange, `${block}.0.0/17`);
  assert.equal(plan.serviceRange, `${block}.128.0/17`);
  assert.equal(plan.gateway, `${block}.0.1`);
  assert.equal(plan.podIp(0), `${block}.0.2`);
  assert.equal(plan.podIp(300), `${block}.1.46`);
  assert.match(plan.podIp6(0), /^fd[0-9a-f:]+::2$/);
});

test("a block that the host routes is not used", () => {
  const first = planAddresses("shop", []);
  assert.ok(first);
  for (const route of [first.podRange, first.podIp(7), `${first.gateway}/8`]) {
    const plan = planAddresses("shop", ["default", "192.0.2.0/24", route]);
    assert.ok(plan);
    assert.notEqual(plan.podRange, first.podRange, route);
  }
});

test("a host that routes everything private gets no mesh", () => {
  const all = ["10.0.0.0/8", "172.16.0.0/12", "100.64.0.0/10", "198.18.0.0/15"];
  assert.equal(planAddresses("shop", all), undefined);
  assert.ok(planAddresses("shop", all.slice(0, 3)));
});
