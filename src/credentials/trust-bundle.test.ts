import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { pino } from "pino";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { openAuthority } from "../identity/authority-files.ts";
import { openTrustBundle, parseTrustBundle } from "./trust-bundle.ts";

const log = pino({ level: "silent" });
const directory = mkdtempSync(join(tmpdir(), "remora-bundle-"));
after(() => rmSync(directory, { recursive: true }));
const [first, second] = ["a", "b"].map(
  (name) => openAuthority(join(directory, name), "cluster.local", Date.now()).authority,
);
assert(first && second);

/** A volume as the kubelet makes it: the file is a link through `..data`, which is renamed on a change. */
function createVolume(context: TestContext, pem: string) {
  const volume = mkdtempSync(join(directory, "volume-"));
  let revision = 0;
  const write = (content: string): void => {
    const folder = `..${++revision}`;
    mkdirSync(join(volume, folder));
    writeFileSync(join(volume, folder, "ca.pem"), content);
    symlinkSync(folder, join(volume, "..data_tmp"));
    renameSync(join(volume, "..data_tmp"), join(volume, "..data"));
  };
  write(pem);
  symlinkSync(join("..data", "ca.pem"), join(volume, "ca.pem"));
  const clock = createFakeClock();
  const bundle = openTrustBundle(join(volume, "ca.pem"), clock, log);
  context.after(() => bundle.close());
  return { write, clock, bundle };
}

test("a swapped volume is noticed by the poll at the latest", (context) => {
  const { write, clock, bundle } = createVolume(context, first.rootPem);
  const seen: number[] = [];
  bundle.subscribe((value) => void seen.push(value.count));
  write(first.rootPem + second.rootPem);
  clock.advance(10_000);
  assert.deepEqual(seen, [2]);
  assert.equal(bundle.current().pem, first.rootPem + second.rootPem);
});

test("a swapped volume is noticed without the clock", async (context) => {
  const { write, bundle } = createVolume(context, first.rootPem);
  const { promise, resolve } = Promise.withResolvers<number>();
  bundle.subscribe((value) => resolve(value.count));
  // The watch alone does not keep the process alive.
  const alive = setInterval(() => {}, 1_000);
  write(first.rootPem + second.rootPem);
  assert.equal(await promise, 2);
  clearInterval(alive);
});

for (const [what, text] of Object.entries({
  "an empty file": "",
  "no PEM": "roots",
  "half of a certificate": first.rootPem.slice(0, 300),
})) {
  test(`the last good bundle stays: ${what}`, (context) => {
    const { write, clock, bundle } = createVolume(context, first.rootPem);
    write(text);
    clock.advance(10_000);
    assert.equal(bundle.current().pem, first.rootPem);
  });
}

test("a leaf is no anchor", () => {
  const leaf = first.issueLeaf({
    publicPoint: Buffer.from(
      "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
      "hex",
    ),
    serial: Buffer.of(0x41),
    notBefore: Date.now(),
    notAfter: Date.now() + 1_000,
    uri: "spiffe://cluster.local/ns/a/sa/b",
  });
  assert.throws(() => parseTrustBundle(first.rootPem + leaf), /not an authority/);
});

test("a bundle of a thousand anchors is refused", () => {
  assert.throws(() => parseTrustBundle(first.rootPem.repeat(1_000)), /more than 100/);
});
