import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../core/config-table.ts";
import { readIdentityConfig } from "./config.ts";

const needed = {
  REMORA_IDENTITY_CA_DIR: "/ca",
  REMORA_IDENTITY_JWKS_FILE: "/jwks.json",
  REMORA_IDENTITY_TOKEN_ISSUER: "me",
};

test("in a cluster no setting is needed", () => {
  const config = readIdentityConfig({});
  assert.equal(config.caDirectory, undefined);
  assert.equal(config.keyFile, undefined);
  assert.equal(config.reviewMode, "prefer");
  assert.equal(config.issuerMode, "own");
  assert.notEqual(config.podName, "");
});

test("a key file needs the name of who signs by it", () => {
  const { REMORA_IDENTITY_TOKEN_ISSUER: _, ...others } = needed;
  assert.throws(() => readIdentityConfig(others), ConfigError);
});

test("without a cluster three settings are enough, and no token is reviewed", () => {
  const config = readIdentityConfig(needed);
  assert.deepEqual(config.listen, { ip: "::", port: 15_012 });
  assert.equal(config.leafLifetime, 3_600_000);
  assert.equal(config.tokenAudience, "remora");
  assert.equal(config.bundleFile, undefined);
  assert.equal(config.reviewMode, "off");
  assert.equal(config.dnsNames.length, 2);
});

test("every problem is reported at once", () => {
  const bad = {
    REMORA_IDENTITY_LISTEN: "localhost:1",
    REMORA_IDENTITY_METRICS_LISTEN: "127.0.0.1:70000",
    REMORA_IDENTITY_CA_DIR: "ca",
    REMORA_TRUST_DOMAIN: "Cluster",
    REMORA_IDENTITY_LEAF_LIFETIME: "1s",
    REMORA_IDENTITY_MAX_LIFETIME: "25h",
    REMORA_IDENTITY_DRAIN_TIME: "5",
    REMORA_IDENTITY_DNS_NAMES: "a,b c",
    REMORA_IDENTITY_LOG_LEVEL: "loud",
    REMORA_IDENTITY_TOKEN_REVIEW: "perhaps",
    REMORA_IDENTITY_ISSUER: "mine",
  };
  assert.throws(
    () => readIdentityConfig(bad),
    (error: unknown) => {
      assert(error instanceof ConfigError);
      assert.equal(error.problems.length, 11);
      for (const name of Object.keys(bad)) {
        assert(
          error.problems.some((problem) => problem.startsWith(name)),
          name,
        );
      }
      return true;
    },
  );
});
