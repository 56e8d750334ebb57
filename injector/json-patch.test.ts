import assert from "node:assert/strict";
import { test } from "node:test";
import { applyJsonPatch, createJsonPatch } from "./json-patch.ts";

const pairs: readonly (readonly [string, unknown, unknown])[] = [
  ["equal values", { a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }],
  ["a new key", { a: 1 }, { a: 1, b: 2 }],
  ["a removed key", { a: 1, b: 2 }, { a: 1 }],
  ["keys with slash and tilde", { "x/y~z": 1 }, { "x/y~z": 2, "a/b": 3 }],
  ["null that becomes a list", { list: null }, { list: [1] }],
  ["entries in front", [{ name: "c" }], [{ name: "a" }, { name: "b" }, { name: "c" }]],
  ["entries behind", [{ name: "a" }], [{ name: "a" }, { name: "b", x: 1 }]],
  [
    "entries in front and behind, and one changed",
    [{ name: "m", v: 1 }],
    [{ name: "a" }, { name: "m", v: 2 }, { name: "z" }],
  ],
  ["another order", [{ name: "a" }, { name: "b" }], [{ name: "b" }, { name: "a" }]],
  ["a shorter list", ["a", "b"], ["a"]],
  ["a longer list of words", ["a"], ["b", "a"]],
  ["another type", { a: [1] }, { a: { b: 1 } }],
  ["a list that was empty", { a: [] }, { a: [{ name: "x" }] }],
];

for (const [name, before, after] of pairs) {
  test(`applying the patch gives the second value: ${name}`, () => {
    const original = structuredClone(before);
    assert.deepEqual(applyJsonPatch(before, createJsonPatch(before, after)), after);
    assert.deepEqual(before, original);
  });
}

test("equal values give an empty patch", () => {
  assert.deepEqual(
    createJsonPatch({ a: [{ name: "x", b: [1] }] }, { a: [{ name: "x", b: [1] }] }),
    [],
  );
});

test("a container put in front is one add, not a new list", () => {
  const patch = createJsonPatch([{ name: "app" }], [{ name: "new" }, { name: "app" }]);
  assert.deepEqual(patch, [{ op: "add", path: "/0", value: { name: "new" } }]);
});

test("a patch to a place that is not there is refused", () => {
  const patch = [{ op: "add", path: "/a/b", value: 1 }] as const;
  assert.throws(() => applyJsonPatch({}, patch), /\/a\/b is not there/);
});
