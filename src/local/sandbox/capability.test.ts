import assert from "node:assert/strict";
import { test } from "node:test";
import { capabilityMask, parseCapability } from "./capability.ts";

test("capabilities have the kernel's numbers", () => {
  assert.equal(capabilityMask(["CHOWN"]), 1n);
  assert.equal(capabilityMask(["NET_ADMIN", "NET_RAW"]), 0x3000n);
  assert.equal(capabilityMask(["CHECKPOINT_RESTORE"]), 1n << 40n);
});

test("a name is known with and without its prefix", () => {
  assert.equal(parseCapability("CAP_NET_ADMIN"), "NET_ADMIN");
  assert.equal(parseCapability("net_raw"), "NET_RAW");
  assert.equal(parseCapability("NET_EVERYTHING"), undefined);
});
