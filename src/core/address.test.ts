import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatAddress,
  formatIpBytes,
  normalizeIp,
  parseAddress,
  parseIpBytes,
} from "./address.ts";

test("an address survives formatting and parsing", () => {
  for (const text of ["10.0.0.1:80", "[fd00::1]:15008", "[::1]:1"]) {
    const address = parseAddress(text);
    assert.ok(address);
    assert.equal(formatAddress(address), text);
  }
});

test("anything but IP:port is refused", () => {
  const bad = [
    "",
    "10.0.0.1",
    "10.0.0.1:",
    "10.0.0.1:0",
    "10.0.0.1:65536",
    "10.0.0.1:080",
    "::1:80",
  ];
  for (const text of [...bad, "[10.0.0.1]:80", "name:80", "10.0.0.1:8 0", "10.0.0.256:80"]) {
    assert.equal(parseAddress(text), undefined, text);
  }
});

test("IPv6 has one text form and mapped addresses are IPv4", () => {
  assert.equal(normalizeIp("FD00:0:0:0:0:0:0:1"), "fd00::1");
  assert.equal(normalizeIp("::ffff:10.1.2.3"), "10.1.2.3");
  assert.equal(normalizeIp("::ffff:a01:203"), "10.1.2.3");
  assert.equal(normalizeIp("fe80::1%eth0"), "fe80::1");
});

test("address bytes are in network order", () => {
  assert.deepEqual([...(parseIpBytes("10.1.2.3") ?? [])], [10, 1, 2, 3]);
  assert.equal(formatIpBytes(parseIpBytes("fd00::1:2") ?? new Uint8Array(4)), "fd00::1:2");
  assert.equal(formatIpBytes(Uint8Array.of(192, 168, 0, 1)), "192.168.0.1");
  assert.equal(parseIpBytes("nonsense"), undefined);
});
