import assert from "node:assert/strict";
import { test } from "node:test";
import type { Service } from "../api/kubernetes.ts";
import { ServiceAddresses } from "./service-addresses.ts";

function serviceOf(name: string, spec: Service["spec"] = {}): Service {
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace: "a" }, spec };
}

test("each Service has an address of the range and keeps it", () => {
  const addresses = new ServiceAddresses("10.96.128.0/17");
  assert.equal(addresses.addressOf(serviceOf("one")), "10.96.128.2");
  assert.equal(addresses.addressOf(serviceOf("two")), "10.96.128.3");
  assert.equal(addresses.addressOf(serviceOf("one")), "10.96.128.2");
});

test("a headless Service has none", () => {
  const addresses = new ServiceAddresses("10.96.0.0/16");
  assert.equal(addresses.addressOf(serviceOf("one", { clusterIP: "None" })), undefined);
});

test("a range that is used up is an error, not somebody else's address", () => {
  const addresses = new ServiceAddresses("10.96.0.0/30");
  addresses.addressOf(serviceOf("one"));
  assert.throws(() => addresses.addressOf(serviceOf("two")), /more Services than addresses/);
});
