import assert from "node:assert/strict";
import { test } from "node:test";
import { PrefixTree } from "./prefix-tree.ts";

test("every item whose text fits is found, and no other", () => {
  const letters = ["a", "b", "/"];
  const words = letters.flatMap((one) =>
    letters.flatMap((two) => [one, one + two, ...letters.map((three) => one + two + three)]),
  );
  const tree = new PrefixTree<string>();
  for (const word of words) {
    tree.addExact(word, `=${word}`);
    tree.addPrefix(word, `^${word}`);
  }
  tree.addPrefix("", "^");
  for (const text of [...words, "", "c", "abab", "/a/a/"]) {
    const found = new Set<string>();
    tree.find(text, (item, into) => into.add(item).size < 0, found);
    const expected = words.flatMap((word) => [
      ...(text === word ? [`=${word}`] : []),
      ...(text.startsWith(word) ? [`^${word}`] : []),
    ]);
    assert.deepEqual([...found].toSorted(), [...new Set(["^", ...expected])].toSorted(), text);
  }
});

test("a search looks only at what lies along its text", () => {
  const tree = new PrefixTree<number>();
  for (let index = 0; index < 10_000; index += 1) tree.addPrefix(`/tenant-${index}/`, index);
  const asked: number[] = [];
  tree.find("/tenant-77/orders", (item, into) => into.push(item) < 0, asked);
  assert.deepEqual(asked, [77]);
});
