/** docs/security.md tells the limits as they are in the source, no more and no fewer. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { maxSeenLeaves } from "../../src/credentials/seen-leaves.ts";
import { notBeforeSkew } from "../../src/identity/token.ts";
import { defaultHttp1Limits } from "../../src/protocol/http1/limits.ts";
import { defaultLimits } from "../../src/protocol/http2/limits.ts";
import { resolveSettings } from "../../src/protocol/http2/settings.ts";
import { maxCertificateBytes } from "../../src/protocol/x509/certificate-facts.ts";
import { maxCsrCharacters } from "../../src/protocol/x509/csr-check.ts";
import { failuresKept, failureTextLength } from "../../src/proxy/telemetry/recent-failures.ts";
import { maxKeyUpdates } from "../../src/proxy/transport/key-updates.ts";
import {
  backlog,
  handshakeTimeoutMillis,
  maxHandshakes,
} from "../../src/proxy/transport/listen.ts";
import { defaultOverloadLimits } from "../../src/proxy/transport/overload.ts";
import { youngBytes } from "../../src/proxy/transport/receive-buffer.ts";
import { lingerMillis, turnReadTime } from "../../src/proxy/transport/wire.ts";
import { maxYoungGarbage, receivedPerLook } from "../../src/proxy/transport/young-garbage.ts";

const page = readFileSync("docs/security.md", "utf8");
/** What a server offers; the other settings are no limits. */
const {
  maxConcurrentStreams,
  streamWindow,
  largestStreamWindow,
  connectionWindow,
  maxFrameSize,
  headerTableSize,
} = resolveSettings({});

const chapters: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "HTTP/1": { ...defaultHttp1Limits },
  "HTTP/2": {
    ...defaultLimits,
    maxConcurrentStreams,
    streamWindow,
    largestStreamWindow,
    connectionWindow,
    maxFrameSize,
    headerTableSize,
  },
  Connections: {
    maxHandshakes,
    handshakeTimeoutMillis,
    maxKeyUpdates,
    backlog,
    lingerMillis,
    youngBytes,
    maxYoungGarbage,
    receivedPerLook,
    turnReadTime,
  },
  "Load shed": { ...defaultOverloadLimits },
  "Recent failures": { failuresKept, failureTextLength },
  Identity: { maxCertificateBytes, maxCsrCharacters, maxSeenLeaves, notBeforeSkew },
};

for (const [chapter, limits] of Object.entries(chapters)) {
  test(`the limits of ${chapter} have their rows, and every row its limit`, () => {
    const from = page.indexOf(`### ${chapter} (`);
    assert.ok(from >= 0, "no such chapter");
    const until = page.indexOf("\n#", from + 1);
    const rows = page.slice(from, until).matchAll(/^\| `(\w+)` \| ([\d.]+) \| \S/gm);
    const told = Object.fromEntries(Array.from(rows, ([, name, value]) => [name, Number(value)]));
    assert.deepEqual(told, limits);
  });
}

test("every metric that the page names exists", () => {
  const listed = readFileSync("docs/observability.md", "utf8");
  const named = Array.from(page.matchAll(/`(remora_\w+)`/g), ([, name]) => name ?? "");
  assert.ok(named.length > 4);
  for (const name of named) assert.ok(listed.includes(`| \`${name}\` |`), name);
});
