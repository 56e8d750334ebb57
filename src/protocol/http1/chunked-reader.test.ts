import assert from "node:assert/strict";
import { test } from "node:test";
import { ChunkedReader } from "./chunked-reader.ts";
import { refused } from "./fault.ts";
import { defaultHttp1Limits } from "./limits.ts";

interface Piece {
  readonly data: string;
  readonly last: boolean;
}

/** Reads `texts` one after the other; gives what was handed on, piece by piece. */
function read(...texts: string[]): { pieces: Piece[]; done: boolean; position: number } {
  const pieces: Piece[] = [];
  const chunked = new ChunkedReader(defaultHttp1Limits);
  chunked.begin();
  const reader = {
    onHead: () => {},
    onData: (data: Uint8Array, last: boolean) =>
      pieces.push({ data: Buffer.from(data).toString("latin1"), last }),
    onTrailers: (fields: readonly string[]) => pieces.push({ data: fields.join(), last: true }),
    onReset: () => {},
    onCredit: () => {},
  };
  let position = 0;
  for (const text of texts) {
    const buffer = Buffer.from(text, "latin1");
    position = chunked.read(buffer, 0, buffer.length, reader);
  }
  return { pieces, done: chunked.done, position };
}

const chunk = (data: string): string => `${data.length.toString(16)}\r\n${data}\r\n`;

test("the small chunks of one read are handed on together, with the end", () => {
  const data = Array.from({ length: 2_000 }, (_, at) => String(at % 10)).join("");
  const text = Array.from(data, chunk).join("");
  const { pieces, done, position } = read(`${text}0\r\n\r\nGET /`);
  assert.deepEqual(pieces, [{ data, last: true }]);
  assert.ok(done);
  assert.equal(position, text.length + 5);
});

test("what is handed on does not wait for a chunk that has not come whole", () => {
  const { pieces, done } = read("3\r\nabc\r\n5\r\nde", "fgh\r\n0\r\n", "\r\n");
  assert.deepEqual(pieces, [
    { data: "abcde", last: false },
    { data: "fgh", last: false },
    { data: "", last: true },
  ]);
  assert.ok(done);
});

test("a large chunk is not moved, and nothing overtakes", () => {
  const large = "x".repeat(5_000);
  const { pieces } = read(
    `${chunk("abc")}${chunk(large)}${chunk("y".repeat(40))}0\r\nt: 1\r\n\r\n`,
  );
  assert.deepEqual(pieces, [
    { data: "abc", last: false },
    { data: large + "y".repeat(40), last: false },
    { data: "t,1", last: true },
  ]);
});

test("of a read that is no chunked body nothing is handed on", () => {
  const { pieces, position } = read("1\r\nx\r\n1\r\nyz\r\n");
  assert.deepEqual(pieces, []);
  assert.equal(position, refused);
});
