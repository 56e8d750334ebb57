import assert from "node:assert/strict";
import { test } from "node:test";
import { LogBook } from "./log-book.ts";

const from = { namespace: "shop", pod: "web", container: "app" };

test("lines are kept in order, by container, and told to followers", () => {
  const book = new LogBook();
  const told: string[] = [];
  const stop = book.follow((line) => told.push(line.text));
  book.append({ ...from, text: "one" });
  book.append({ ...from, container: "other", text: "two" });
  stop();
  book.append({ ...from, text: "three" });
  assert.deepEqual(
    book.read(from).map((line) => line.text),
    ["one", "three"],
  );
  assert.deepEqual(told, ["one", "two"]);
});

test("the oldest lines go when there are too many", () => {
  const book = new LogBook();
  const text = "x".repeat(1_000);
  for (let count = 0; count < 5_000; count += 1) book.append({ ...from, text: `${count} ${text}` });
  const lines = book.read(from);
  assert.ok(lines.length > 200 && lines.length < 550, `${lines.length} lines`);
  assert.match(lines.at(-1)?.text ?? "", /^4999 /);
});

test("a pod that is gone is forgotten, and no other whose name begins like it", () => {
  const book = new LogBook();
  book.append({ ...from, text: "one" });
  book.append({ ...from, pod: "web-2", text: "two" });
  book.forget("shop", "web");
  assert.equal(book.read(from).length, 0);
  assert.equal(book.read({ ...from, pod: "web-2" }).length, 1);
});
