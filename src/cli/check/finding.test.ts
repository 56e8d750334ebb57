import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import type { WriteStream } from "node:tty";
import { type Finding, formatFindings, isFailed } from "./finding.ts";

const pipe = new PassThrough() as unknown as WriteStream;

test("findings are a table with what to do, and no colours in a pipe", () => {
  const findings: readonly Finding[] = [
    { check: "api-server", verdict: "ok", what: "it answers" },
    { check: "web", verdict: "fail", what: "it is gone", next: "bring it back", objects: ["a/b"] },
  ];
  assert.equal(
    formatFindings(findings, pipe),
    `✓ api-server  it answers
✗ web         it is gone
              - a/b
              → bring it back

1 good, 0 to look at, 1 wrong
`,
  );
});

test("only the first ten objects are shown", () => {
  const objects = Array.from({ length: 12 }, (_, index) => `pod-${index}`);
  const text = formatFindings([{ check: "pods", verdict: "warn", what: "x", objects }], pipe);
  assert.match(text, /- pod-9\n +- and 2 more\n/);
  assert.doesNotMatch(text, /pod-10/);
});

test("what is to look at is no failure", () => {
  assert.equal(isFailed([{ check: "a", verdict: "warn", what: "" }]), false);
  assert.equal(isFailed([{ check: "a", verdict: "fail", what: "" }]), true);
});
