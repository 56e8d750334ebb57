import assert from "node:assert/strict";
import { test } from "node:test";
import { createByteWriter } from "../byte-writer.ts";
import type { HeaderList } from "../exchange.ts";
import { createRandom } from "../fuzz-mutator.ts";
import { HeadWriter } from "./head-writer.ts";

/** What the lines are in bytes, written the slow way; undefined when they must not be written. */
function writeNaively(headers: HeaderList, dropLength: boolean): string | undefined {
  const reserved =
    /^(?:host|connection|keep-alive|proxy-connection|transfer-encoding|upgrade|content_length|transfer_encoding)$/;
  const lengths: string[] = [];
  let text = "";
  for (let at = 0; at < headers.length; at += 2) {
    const [name = "", value = ""] = headers.slice(at, at + 2);
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || reserved.test(name)) return undefined;
    if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) return undefined;
    if (name === "content-length") {
      lengths.push(value);
      if (lengths.length > 1 || dropLength) continue;
    }
    text += `${name}: ${value}\r\n`;
  }
  if (lengths.some((length) => length !== lengths[0] || !/^(?:0|[1-9]\d*)$/.test(length)))
    return undefined;
  return text;
}

test("remembered and new lines are written as the naive writer writes them", () => {
  const random = createRandom(11);
  const names = [
    "accept",
    "x-id",
    "te",
    "content-length",
    "etag",
    "X",
    "",
    "host",
    "a b",
    "x\r\ny",
  ];
  const values = [
    "v",
    "trailers",
    "4",
    "4",
    "05",
    "",
    "a\r\nb: c",
    "\u0100",
    "tab\tbed",
    "\xff\x80",
    "\0",
  ];
  for (let round = 0; round < 300; round += 1) {
    const out = createByteWriter();
    const writer = new HeadWriter(out);
    const headers: HeaderList = [];
    for (let step = 0; step < 30; step += 1) {
      // Mostly the same list again or one string changed, as connections have it; bad strings are rare.
      const change = random(4);
      const daring = random(6) === 0 ? 0 : 5;
      if (change === 0) headers.push(pick(names, daring), pick(values, daring + 1));
      else if (change === 1 && headers.length > 0) {
        headers[random(headers.length / 2) * 2 + 1] = pick(values, daring + 1);
      } else if (change === 2 && headers.length > 8) headers.splice(0, headers.length);
      const dropLength = random(3) === 0;
      writer.start();
      writer.lines(headers, dropLength);
      writer.fixed(".");
      const written = writer.finish();
      const expected = writeNaively(headers, dropLength);
      assert.equal(written, expected === undefined ? 0 : expected.length + 1);
      const text = out.take().toString("latin1");
      assert.equal(text, expected === undefined ? "" : `${expected}.`);
      if (expected === undefined) headers.length = 0;
    }
  }

  /** Only from the first `fewer` when that is not 0: those are sound. */
  function pick(list: readonly string[], fewer: number): string {
    return list[random(fewer > 1 ? Math.min(fewer, 4) : list.length)] ?? "";
  }
});

test("a list that its owner changes afterwards is not the one that was remembered", () => {
  const out = createByteWriter();
  const writer = new HeadWriter(out);
  const headers = ["a", "1", "content-length", "2"];
  for (const value of ["1", "1", "1", "2", "2"]) {
    headers[1] = value;
    writer.start();
    writer.lines(headers, false);
    assert.ok(writer.finish() > 0);
    assert.equal(writer.contentLength, 2);
    assert.equal(out.take().toString("latin1"), `a: ${value}\r\ncontent-length: 2\r\n`);
  }
});
