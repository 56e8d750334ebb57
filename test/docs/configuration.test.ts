import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { proxySettings } from "../../src/proxy/config.ts";
import { renderConfiguration } from "./configuration-page.ts";

test("docs/configuration.md says what the tables say (npm run docs writes it)", () => {
  assert.equal(readFileSync("docs/configuration.md", "utf8"), renderConfiguration());
});

test("every variable that the injector sets is one that the sidecar reads", () => {
  const source = readFileSync("injector/containers.ts", "utf8");
  const names = Array.from(source.matchAll(/"(REMORA_[A-Z_]+)"/g), (match) => match[1] ?? "");
  const initOnly = ["REMORA_SKIP_INBOUND_PORTS", "REMORA_SKIP_OUTBOUND_PORTS", "REMORA_PROXY_UID"];
  const unknown = names.filter((name) => !(name in proxySettings) && !initOnly.includes(name));
  assert.ok(names.length > 10);
  assert.deepEqual(unknown, []);
});
