import assert from "node:assert/strict";
import { test } from "node:test";
import { normalizePath } from "./normal-path.ts";

/** What is forwarded, and the other readings. */
const normal: Readonly<Record<string, readonly [target: string, ...others: string[]]>> = {
  "/": ["/"],
  "/orders/17?x=/../y%00": ["/orders/17?x=/../y%00"],
  "/.well-known/acme": ["/.well-known/acme"],
  "/a.b/..c/.../d": ["/a.b/..c/.../d"],
  "//admin": ["/admin"],
  "/a///b//": ["/a/b/"],
  "/a/./b": ["/a/b"],
  "/a/../admin": ["/admin"],
  "/../../admin": ["/admin"],
  "/a/..": ["/"],
  "/a/b/.": ["/a/b/"],
  "/%61dmin?q": ["/admin?q"],
  "/a/%2e%2E/admin": ["/admin"],
  "/%7euser/%2D": ["/~user/-"],
  "/a%c3%a9%20b": ["/a%C3%A9%20b"],
  "/a\\b": ["/a/b"],
  "/x\\..\\admin": ["/admin"],
  "/a%2fb": ["/a%2Fb", "/a/b"],
  "/a%5cb": ["/a%5Cb", "/a/b"],
  "/a%2f%2fb": ["/a%2F%2Fb", "/a/b"],
  "/admin;v=1": ["/admin;v=1", "/admin"],
  "/admin;v=1/users;w": ["/admin;v=1/users;w", "/admin/users"],
  "/;x/admin": ["/;x/admin", "/admin"],
  "/admin%3bv": ["/admin%3Bv", "/admin;v", "/admin"],
  "/a%2fb;v=1": ["/a%2Fb;v=1", "/a%2Fb", "/a/b;v=1", "/a/b"],
  "/%2561dmin": ["/%2561dmin", "/admin"],
  "/a%252fb": ["/a%252fb", "/a/b"],
  "/admin%20": ["/admin%20", "/admin"],
  "/a%20b%20%20;c/d": ["/a%20b%20%20;c/d", "/a%20b/d"],
  "/100%25": ["/100%25"],
  "/100%25/a": ["/100%25/a"],
};
for (const [target, [forwarded, ...others]] of Object.entries(normal)) {
  test(`${target} goes on as ${forwarded} and may be read in ${others.length} other ways`, () => {
    const path = normalizePath(target);
    assert.equal(path?.target, forwarded);
    assert.equal(path.path, forwarded.split("?")[0]);
    assert.deepEqual(path.otherReadings.toSorted(), others.toSorted());
  });
}

const refused: readonly string[] = [
  "",
  "admin",
  "\\admin",
  "?x",
  "*",
  "http://a/admin",
  "/a b",
  "/a#b",
  "/a\u0000",
  "/ä",
  "/%",
  "/%2",
  "/%zz",
  "/%u0041",
  "/%00",
  "/admin%00.css",
  "/admin%0a",
  "/admin%7f",
  "/%2500",
  "/%c0%af..%c0%afadmin",
  "/%c1%9c",
  "/..;/admin",
  "/x/..%20/admin",
  "/public/..;x=1/admin",
  "/.;/admin",
  "/public/..%3b/admin",
  "/public%2f..%2fadmin",
  "/public%2f%2e%2e%2fadmin",
  "/public%5c..%5cadmin",
  "/public/..%2fadmin",
  "/public%252f..%252fadmin",
  "/public/%252e%252e/admin",
  "/%25252525252561dmin",
];
for (const target of refused) {
  test(`${JSON.stringify(target)} has no single meaning`, () => {
    assert.equal(normalizePath(target), undefined);
  });
}

test("a path in normal form is its own normal form", () => {
  const pieces = ["/", "a", "..", ".", "%2f", "%61", ";b", "%25", "//", "%20", "\\", "%3B", "c"];
  let normalized = 0;
  // All texts of up to four of these pieces behind a slash.
  for (let index = 0; index < pieces.length ** 4; index += 1) {
    let text = "/";
    for (let rest = index; rest > 0; rest = Math.floor(rest / pieces.length)) {
      text += pieces[rest % pieces.length] ?? "";
    }
    const path = normalizePath(text);
    if (path === undefined) continue;
    normalized += 1;
    assert.deepEqual(normalizePath(path.target), path, text);
    for (const reading of [path.path, ...path.otherReadings]) {
      assert.doesNotMatch(reading, /\/\/|\/\.\.?(\/|$)|\\/, text);
    }
  }
  assert.ok(normalized > 5_000, String(normalized));
});
