import assert from "node:assert/strict";
import { test } from "node:test";
import { createTlsFraming, looksLikeRecord } from "./tls-framing.ts";

const record = Buffer.concat([Buffer.from("1703030140", "hex"), Buffer.alloc(0x140, 0x47)]);
const hello = Buffer.concat([Buffer.from("1603010020", "hex"), Buffer.alloc(0x20)]);

test("records are recognized however the stream is cut", () => {
  const stream = Buffer.concat([hello, record, record]);
  for (let size = 1; size < stream.length; size += 7) {
    const framing = createTlsFraming();
    for (let at = 0; at < stream.length; at += size) framing.push(stream.subarray(at, at + size));
    assert.equal(framing.framed, true, `pieces of ${size}`);
  }
});

const plain = {
  "an HTTP request": Buffer.from("GET / HTTP/1.1\r\n\r\n"),
  "an HTTP/2 preface": Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  "a single letter": Buffer.from("G"),
  "a record of impossible length": Buffer.from("170303ffff00", "hex"),
  "an empty record": Buffer.from("1703030000", "hex"),
  "another version": Buffer.from("1702000010", "hex"),
  "plain text behind a record": Buffer.concat([record, Buffer.from("GET /")]),
};
for (const [what, bytes] of Object.entries(plain)) {
  test(`${what} is not TLS`, () => {
    const framing = createTlsFraming();
    framing.push(bytes);
    assert.equal(framing.framed, false);
    framing.push(record);
    assert.equal(framing.framed, false, "and stays so");
  });
}

test("a record is found again in the middle of a stream by its header", () => {
  assert.equal(looksLikeRecord(record), true);
  assert.equal(looksLikeRecord(record.subarray(5)), false);
  assert.equal(looksLikeRecord(record.subarray(0, 4)), false);
});
