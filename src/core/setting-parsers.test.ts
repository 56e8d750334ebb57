import assert from "node:assert/strict";
import { test } from "node:test";
import {
  parseListenAddress,
  parseLogLevel,
  parseName,
  parsePositiveDuration,
  parseTrustDomain,
} from "./setting-parsers.ts";

test("settings are understood", () => {
  assert.deepEqual(parseListenAddress("[::]:15010"), { ip: "::", port: 15_010 });
  assert.deepEqual(parseListenAddress("127.0.0.1:0"), { ip: "127.0.0.1", port: 0 });
  assert.equal(parsePositiveDuration("1500ms"), 1_500);
  assert.equal(parseLogLevel("warn"), "warn");
  assert.equal(parseTrustDomain("cluster.local"), "cluster.local");
  assert.equal(parseName("remora"), "remora");
});

const refused: readonly (readonly [(text: string) => unknown, string, RegExp])[] = [
  [parseListenAddress, "localhost:80", /IP:port/],
  [parseListenAddress, "10.0.0.1:65536", /IP:port/],
  [parseListenAddress, "::1:80", /IP:port/],
  [parsePositiveDuration, "0s", /duration/],
  [parsePositiveDuration, "5", /duration/],
  [parseLogLevel, "loud", /one of fatal/],
  [parseTrustDomain, "Cluster.Local", /lower-case/],
  [parseName, " ", /not empty/],
];
for (const [parse, text, message] of refused) {
  test(`${parse.name} refuses ${JSON.stringify(text)}`, () => {
    assert.throws(() => parse(text), message);
  });
}
