/** What the annotations let through, the programs in the pod understand; and the page lists each of them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { applyJsonPatch } from "../../injector/json-patch.ts";
import { defaultInjection } from "../../injector/options.ts";
import { injectPod } from "../../injector/patch.ts";
import { configAnnotations, configPrefix } from "../../injector/tuning.ts";
import type { Container, Pod } from "../../src/api/kubernetes.ts";
import { readSettings } from "../../src/core/config-table.ts";
import { initSettings } from "../../src/init/config.ts";
import { readProxyConfig } from "../../src/proxy/config.ts";

const ports = Array.from({ length: 100 }, (_, index) => `${1 + 2 * index}-${2 + 2 * index}`).join();
const values: Readonly<Record<string, readonly string[]>> = {
  image: ["registry.example:5000/mesh/remora@sha256:abc", "remora"],
  "skip-inbound-ports": ["", "1", " 80 , 443 ", "1-65535", ports],
  "skip-outbound-ports": ["", "65535", ports],
  "opaque-ports": ["", "5432,3306-3310", "1-65535", ports],
  "log-level": ["fatal", "trace"],
  "access-log": ["on", "off"],
  "drain-time": ["1ms", "0.5s", "1h"],
  "proxy-cpu-request": ["1m"],
  "proxy-cpu-limit": ["2"],
  "proxy-memory-request": ["16Mi"],
  "proxy-memory-limit": ["1.5Gi"],
};
const injection = {
  ...defaultInjection,
  version: "1.2.3",
  image: "remora:1.2.3",
  proxyCommand: () => ["node", "proxy.js"],
  initCommand: ["node", "init.js"],
};
const namespace = { labels: { "remora.dev/inject": "enabled" } };

function injected(annotations: Readonly<Record<string, string>>): readonly Container[] {
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", annotations },
    spec: { containers: [{ name: "web" }], terminationGracePeriodSeconds: 7_200 },
  };
  const result = injectPod(pod, namespace, injection);
  assert.equal(result.kind, "patch", JSON.stringify(result));
  const patched = applyJsonPatch(pod, result.kind === "patch" ? result.patch : []) as Pod;
  return patched.spec.initContainers ?? [];
}

/** What the kubelet would put into the environment. */
function environmentOf(container: Container | undefined): Record<string, string> {
  const fields: Readonly<Record<string, string>> = { "status.podIP": "10.0.0.7" };
  return Object.fromEntries(
    (container?.env ?? []).map(({ name, value, valueFrom }) => [
      name,
      value ?? fields[valueFrom?.fieldRef?.fieldPath ?? ""] ?? "web",
    ]),
  );
}

for (const annotation of configAnnotations) {
  test(`sidecar and rules understand every value that ${annotation} may have`, () => {
    const examples = values[annotation] ?? [];
    assert.ok(examples.length > 0);
    for (const value of examples) {
      const [init, proxy] = injected({ [`${configPrefix}${annotation}`]: value });
      assert.doesNotThrow(() => readProxyConfig(environmentOf(proxy)), value.slice(0, 40));
      assert.doesNotThrow(
        () => readSettings(initSettings, environmentOf(init)),
        value.slice(0, 40),
      );
    }
  });
}

test("docs/kubernetes.md has a row for every annotation, and no other", () => {
  const page = readFileSync("docs/kubernetes.md", "utf8");
  const rows = Array.from(
    page.matchAll(/^\| `config\.remora\.dev\/([a-z-]+)`/gm),
    ([, name]) => name,
  );
  assert.deepEqual(new Set(rows), new Set(configAnnotations));
  assert.equal(rows.length, configAnnotations.length);
});
