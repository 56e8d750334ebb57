/** Paths: a normal form is its own, and no reading of it hides what the form was to get rid of. */
import assert from "node:assert/strict";
import type { FuzzTarget } from "../../protocol/fuzz-target.ts";
import { normalizePath } from "./normal-path.ts";

export const target: FuzzTarget = {
  name: "normal-path",
  seeds: [
    "/a/../b//c/./d?x=/../y",
    "/%61%2e%2e/%2fb;v=1/%3B",
    "/a%252f..%255c\\b/..;/c",
    "/%00%c0%af%zz",
  ].map((text) => Buffer.from(text, "latin1")),
  run(input) {
    const normal = normalizePath(input.toString("latin1"));
    if (normal === undefined) return;
    assert.deepEqual(normalizePath(normal.target), normal);
    for (const reading of [normal.path, ...normal.otherReadings]) {
      assert.match(reading, /^\/[!-~]*$/);
      assert.doesNotMatch(reading, /\/\/|\/\.\.?(?:\/|$)|[\\?#]/);
    }
  },
};
