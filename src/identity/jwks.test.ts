import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pino } from "pino";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { openKeyFile, parseJwks } from "./jwks.ts";

const log = pino({ level: "silent" });

function ecKey(kid: string, more: object = {}): object {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { ...publicKey.export({ format: "jwk" }), kid, ...more };
}

function setOf(...keys: readonly object[]): string {
  return JSON.stringify({ keys });
}

function createFile(context: TestContext, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), "remora-jwks-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "jwks.json");
  writeFileSync(file, text);
  return file;
}

test("keys that tokens may not be signed with are passed over", () => {
  const weak = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey;
  const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey;
  const { d: _d, ...named } = ecKey("good") as { d?: string };
  const keys = parseJwks(
    setOf(
      named,
      ecKey("encryption", { use: "enc" }),
      ecKey("other-algorithm", { alg: "ES384" }),
      { ...weak.export({ format: "jwk" }), kid: "weak" },
      { ...p384.export({ format: "jwk" }), kid: "p384" },
      { kty: "oct", k: "c2VjcmV0", kid: "secret" },
      { ...ecKey("x"), kid: undefined },
    ),
  );
  assert.deepEqual([...keys.keys()], ["good"]);
});

test("a private key in the set lends only its public half", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const keys = parseJwks(setOf({ ...privateKey.export({ format: "jwk" }), kid: "leaked" }));
  assert.equal(keys.get("leaked")?.key.type, "public");
});

for (const text of ["", "[]", "{}", '{"keys":{}}', '{"keys":[]}', '{"keys":[null,1]}']) {
  test(`a file is no usable JWK Set: ${text}`, () => assert.throws(() => parseJwks(text)));
}

test("a rotated file is read on demand, at most once a second", async (context) => {
  const clock = createFakeClock();
  const file = createFile(context, setOf(ecKey("old")));
  const keys = openKeyFile(file, clock, log);
  writeFileSync(file, setOf(ecKey("new")));
  await keys.refresh();
  assert(keys.current().has("old"), "read a moment ago");
  clock.advance(1_000);
  await keys.refresh();
  assert(keys.current().has("new"));
  keys.close();
});

test("a key that was taken out of the file is forgotten within ten seconds", (context) => {
  const clock = createFakeClock();
  const file = createFile(context, setOf(ecKey("old"), ecKey("stays")));
  const keys = openKeyFile(file, clock, log);
  writeFileSync(file, setOf(ecKey("stays")));
  clock.advance(10_000);
  assert.deepEqual([...keys.current().keys()], ["stays"]);
  keys.close();
  assert.equal(clock.pending(), 0);
});

test("a broken file leaves the last good keys", (context) => {
  const clock = createFakeClock();
  const file = createFile(context, setOf(ecKey("good")));
  const keys = openKeyFile(file, clock, log);
  writeFileSync(file, "{");
  clock.advance(30_000);
  assert(keys.current().has("good"));
  rmSync(file);
  clock.advance(30_000);
  assert(keys.current().has("good"));
  writeFileSync(file, setOf(ecKey("later")));
  clock.advance(10_000);
  assert(keys.current().has("later"));
  keys.close();
});
