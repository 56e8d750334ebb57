import assert from "node:assert/strict";
import { test } from "node:test";
import { type DetectedProtocol, detect, mostDetectionBytes } from "./detect.ts";

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const hello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

const certain: readonly (readonly [string, DetectedProtocol])[] = [
  ["GET / HTTP/1.1\r\n", "http1"],
  ["POST /a/b HTTP/1.0\r\n", "http1"],
  ["OPTIONS * HTTP/1.1\r\n", "http1"],
  ["CONNECT a.example:443 HTTP/1.1\r\n", "http1"],
  ["GET http://a.example/ HTTP/1.1\r\n", "http1"],
  ["VERSION-CONTROL /x HTTP/1.1\r\n", "http1"],
  ["M-SEARCH /x HTTP/1.1\r\n", "http1"],
  ["PRIVATE /x HTTP/1.1\r\n", "http1"],
  [`${preface}\x00\x00`, "http2"],
  [hello, "tls"],
  ["\x16\x03\x01\x02\x00\x02", "opaque"],
  ["\x00\x00\x00\x08\x04\xd2\x16\x2f", "opaque"],
  ["*1\r\n$4\r\nPING\r\n", "opaque"],
  ["PING\r\n", "opaque"],
  ["EHLO mail.example\r\n", "opaque"],
  ["SET k v\r\n", "opaque"],
  ["USER x\r\n", "opaque"],
  ["get / HTTP/1.1\r\n", "opaque"],
  ["GET  / HTTP/1.1\r\n", "opaque"],
  [" GET / HTTP/1.1\r\n", "opaque"],
  ["\r\nGET / HTTP/1.1\r\n", "opaque"],
  ["GET /\x00\x01", "opaque"],
  ["PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "opaque"],
  ["ABCDEFGHIJKLMNOPQRSTUVWXYZ /", "opaque"],
];

for (const [text, expected] of certain) {
  test(`${JSON.stringify(text.slice(0, 30))} is ${expected}, however it is cut`, () => {
    let decided: DetectedProtocol | undefined;
    for (let length = 0; length <= text.length; length += 1) {
      const now = detect(Buffer.from(text.slice(0, length), "latin1"));
      if (decided !== undefined) assert.equal(now, decided, `changed its mind at ${length}`);
      decided = now;
    }
    assert.equal(decided, expected);
  });
}

test("the preface of HTTP/2 is not believed before its last byte", () => {
  for (let length = 0; length < preface.length; length += 1) {
    assert.equal(detect(Buffer.from(preface.slice(0, length))), undefined);
  }
});

test("a decision never needs more than the stated number of bytes", () => {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  for (const text of [letters.repeat(4), `GET ${"a".repeat(60)}`, preface + letters.repeat(2)]) {
    assert.notEqual(detect(Buffer.from(text.slice(0, mostDetectionBytes))), undefined);
  }
});
