import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { renderHttp1Rules } from "./http1-rules-page.ts";

test("docs/http1-rules.md says what the table says (npm run docs writes it)", () => {
  assert.equal(readFileSync("docs/http1-rules.md", "utf8"), renderHttp1Rules());
});
