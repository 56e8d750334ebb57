import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../src/core/config-table.ts";
import { readInjectorConfig } from "./config.ts";
import { defaultInjection } from "./options.ts";

const needed = { REMORA_INJECTOR_VERSION: "1.2.3", REMORA_INJECTOR_IMAGE: "remora:1.2.3" };

test("version and image are all that must be set", () => {
  const { injection, listen } = readInjectorConfig(needed);
  assert.deepEqual(listen, { ip: "::", port: 15_017 });
  assert.deepEqual(injection.proxyResources, defaultInjection.proxyResources);
  assert.equal(injection.proxyCommand(undefined).at(-1), "/opt/remora/proxy.js");
  assert.equal(injection.initCommand.at(-1), "/opt/remora/init.js");
  assert.equal("imagePullPolicy" in injection, false);
});

test("the heap takes at most half of a small container", () => {
  const { injection } = readInjectorConfig(needed);
  const heapFlags = (megabytes?: number): string[] =>
    injection
      .proxyCommand(megabytes === undefined ? undefined : megabytes * 2 ** 20)
      .filter((word) => word.startsWith("--max-"));
  assert.deepEqual(heapFlags(), ["--max-heap-size=48"]);
  assert.deepEqual(heapFlags(96), ["--max-heap-size=48"]);
  assert.deepEqual(heapFlags(64), ["--max-heap-size=32", "--max-semi-space-size=1"]);
  assert.deepEqual(heapFlags(1), ["--max-heap-size=24", "--max-semi-space-size=1"]);
});

test("an empty amount leaves the resource out", () => {
  const { injection } = readInjectorConfig({
    ...needed,
    REMORA_INJECTOR_PROXY_CPU_REQUEST: "",
    REMORA_INJECTOR_PROXY_CPU_LIMIT: "2",
    REMORA_INJECTOR_PROXY_MEMORY_LIMIT: "",
  });
  assert.deepEqual(injection.proxyResources, {
    requests: { memory: "32Mi" },
    limits: { cpu: "2" },
  });
});

const wrong: Readonly<Record<string, string>> = {
  REMORA_INJECTOR_LISTEN: "localhost:1",
  REMORA_INJECTOR_CERT_FILE: "tls.crt",
  REMORA_INJECTOR_IMAGE: " ",
  REMORA_INJECTOR_IMAGE_PULL_POLICY: "Sometimes",
  REMORA_IDENTITY_ADDRESS: "identity",
  REMORA_INJECTOR_PROXY_ACCESS_LOG: "true",
  REMORA_INJECTOR_PROXY_DRAIN_TIME: "2h",
  REMORA_INJECTOR_PROXY_MEMORY_LIMIT: "much",
};

test("every problem is reported at once", () => {
  assert.throws(
    () => readInjectorConfig(wrong),
    (error) => {
      assert.ok(error instanceof ConfigError);
      const names = error.problems.map((problem) => /^\w+/.exec(problem)?.[0] ?? "");
      assert.deepEqual(names.sort(), [...Object.keys(wrong), "REMORA_INJECTOR_VERSION"].sort());
      return true;
    },
  );
});
