import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openAuthority } from "./authority-files.ts";

const now = Date.now();
const domain = "cluster.local";

function createDirectory(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "remora-ca-"));
  context.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** The files of a made authority, as an operator would mount them. */
function createGiven(context: TestContext): string {
  const directory = createDirectory(context);
  const made = join(directory, "made");
  openAuthority(made, domain, now);
  const given = join(directory, "given");
  mkdirSync(given);
  for (const name of ["ca-cert.pem", "ca-key.pem", "root-cert.pem"]) {
    copyFileSync(join(made, "own", name), join(given, name));
  }
  return given;
}

test("an authority is made once and found again", (context) => {
  const directory = join(createDirectory(context), "ca");
  const first = openAuthority(directory, domain, now);
  const second = openAuthority(directory, domain, now);
  assert.deepEqual([first.origin, second.origin], ["made", "own"]);
  assert.equal(first.authority.rootPem, second.authority.rootPem);
  assert.deepEqual(first.authority.intermediates, second.authority.intermediates);
});

test("nobody else may read what was made", (context) => {
  const directory = join(createDirectory(context), "ca");
  openAuthority(directory, domain, now);
  const own = join(directory, "own");
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.equal(statSync(own).mode & 0o777, 0o700);
  for (const name of readdirSync(own)) assert.equal(statSync(join(own, name)).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(directory), ["own"], "no draft is left");
});

test("root and issuer have names of their own key", (context) => {
  const directory = createDirectory(context);
  const names = ["a", "b"].flatMap((name) => {
    const { authority } = openAuthority(join(directory, name), domain, now);
    return [authority.rootPem, ...authority.intermediates].map(
      (pem) => new X509Certificate(pem).subject,
    );
  });
  assert.equal(new Set(names).size, 4);
});

test("files that the operator gave are used and not changed", (context) => {
  const given = createGiven(context);
  const opened = openAuthority(given, domain, now);
  assert.equal(opened.origin, "given");
  assert.equal(opened.authority.rootPem, readFileSync(join(given, "root-cert.pem"), "utf8"));
  assert.deepEqual(readdirSync(given).sort(), ["ca-cert.pem", "ca-key.pem", "root-cert.pem"]);
});

test("a root that issues by itself makes a chain without intermediates", (context) => {
  const directory = createDirectory(context);
  openAuthority(join(directory, "made"), domain, now);
  const own = join(directory, "made", "own");
  const given = join(directory, "given");
  mkdirSync(given);
  copyFileSync(join(own, "root-cert.pem"), join(given, "ca-cert.pem"));
  copyFileSync(join(own, "root-cert.pem"), join(given, "root-cert.pem"));
  copyFileSync(join(own, "root-key.pem"), join(given, "ca-key.pem"));
  assert.deepEqual(openAuthority(given, domain, now).authority.intermediates, []);
});

test("several roots are all handed on", (context) => {
  const given = createGiven(context);
  const other = openAuthority(join(createDirectory(context), "ca"), domain, now);
  const file = join(given, "root-cert.pem");
  writeFileSync(file, other.authority.rootPem + readFileSync(file, "utf8"));
  assert.equal(openAuthority(given, domain, now).authority.rootPem.match(/BEGIN/g)?.length, 2);
});

const faults: readonly (readonly [string, (given: string, other: string) => void, RegExp])[] = [
  [
    "another's key",
    (given, other) => copyFileSync(join(other, "ca-key.pem"), join(given, "ca-key.pem")),
    /does not belong/,
  ],
  [
    "another's root",
    (given, other) => copyFileSync(join(other, "root-cert.pem"), join(given, "root-cert.pem")),
    /no root certificate has signed/,
  ],
  ["no root", (given) => rmSync(join(given, "root-cert.pem")), /root-cert\.pem/],
  ["no key", (given) => rmSync(join(given, "ca-key.pem")), /ca-key\.pem/],
  [
    "an empty root file",
    (given) => writeFileSync(join(given, "root-cert.pem"), ""),
    /no root certificate/,
  ],
  [
    "a root file of words",
    (given) => writeFileSync(join(given, "root-cert.pem"), "root"),
    /the roots are not PEM certificates/,
  ],
  [
    "a chain that does not follow",
    (given, other) => {
      const chain = [given, other].map((from) => readFileSync(join(from, "ca-cert.pem"), "utf8"));
      writeFileSync(join(given, "cert-chain.pem"), chain.join(""));
    },
    /do not follow one another/,
  ],
];
for (const [what, spoil, message] of faults) {
  test(`an authority is refused with a clear sentence: ${what}`, (context) => {
    const given = createGiven(context);
    const other = join(createDirectory(context), "other");
    openAuthority(other, domain, now);
    spoil(given, join(other, "own"));
    assert.throws(() => openAuthority(given, domain, now), message);
  });
}

test("an authority of another trust domain is refused", (context) => {
  const given = createGiven(context);
  assert.throws(() => openAuthority(given, "other.local", now), /not other\.local/);
});
