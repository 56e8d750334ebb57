import assert from "node:assert/strict";
import { test } from "node:test";
import { encodePem, parsePem } from "./pem.ts";

test("what was encoded is parsed back, at every length around a line", () => {
  for (let length = 1; length <= 200; length++) {
    const der = Buffer.alloc(length, length);
    assert.deepEqual(parsePem(encodePem("CERTIFICATE", der)), [{ label: "CERTIFICATE", der }]);
  }
});

test("several blocks are given in their order", () => {
  const text = encodePem("CERTIFICATE", Buffer.of(1)) + encodePem("PRIVATE KEY", Buffer.of(2));
  assert.deepEqual(
    parsePem(text)?.map(({ label, der }) => [label, der[0]]),
    [
      ["CERTIFICATE", 1],
      ["PRIVATE KEY", 2],
    ],
  );
});

test("an empty text holds no block", () => {
  assert.deepEqual(parsePem(" \n"), []);
});

const bad: Readonly<Record<string, string>> = {
  "an end with another label": "-----BEGIN A-----\nAAAA\n-----END B-----\n",
  "no base64": "-----BEGIN A-----\n-----END A-----\n",
  "bits that no byte stands for": "-----BEGIN A-----\nAB==\n-----END A-----\n",
  "padding in the middle": "-----BEGIN A-----\nAA==AAAA\n-----END A-----\n",
  "a comment": "# mine\n-----BEGIN A-----\nAAAA\n-----END A-----\n",
};
for (const [what, text] of Object.entries(bad)) {
  test(`a text is not PEM: ${what}`, () => assert.equal(parsePem(text), undefined));
}

test("a long hostile text is refused in linear time", () => {
  const text = `-----BEGIN A-----\n${"\n-----END ".repeat(100_000)}`;
  const start = performance.now();
  assert.equal(parsePem(text), undefined);
  assert(performance.now() - start < 1_000);
});
