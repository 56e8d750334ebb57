/** The small codecs of gRPC. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeMessage, MessageDecoder } from "./message-framing.ts";
import { decodeGrpcMessage, encodeGrpcMessage } from "./message-text.ts";
import { grpcStatusName, grpcStatusOfHttp, grpcStatusOfReset, parseGrpcStatus } from "./status.ts";
import { formatGrpcTimeout, parseGrpcTimeout } from "./timeout.ts";
import { createTrailersOnly, isGrpcContentType } from "./trailers-only.ts";

test("messages come out whole, however the bytes are cut", () => {
  const messages = ["", "a", "hello", "x".repeat(1_000)];
  const bytes = Buffer.concat(messages.map((text) => encodeMessage(Buffer.from(text))));
  for (const step of [1, 2, 3, 5, 6, 7, 100, bytes.length]) {
    const seen: string[] = [];
    const decoder = new MessageDecoder(1_000, (message) => seen.push(message.toString()));
    for (let at = 0; at < bytes.length; at += step) {
      assert.equal(decoder.receive(bytes.subarray(at, at + step)), "");
    }
    assert.deepEqual(seen, messages);
    assert.equal(decoder.partial, false);
  }
});

test("a message larger than the limit is refused by its prefix", () => {
  const decoder = new MessageDecoder(10, () => assert.fail());
  assert.equal(decoder.receive(Buffer.of(0, 0, 0, 0, 11)), "too large");
  assert.equal(decoder.receive(Buffer.of(1)), "too large");
});

test("compressed messages and unknown flags are refused", () => {
  assert.equal(new MessageDecoder(10, () => {}).receive(Buffer.of(1, 0, 0, 0, 1)), "compressed");
  assert.equal(new MessageDecoder(10, () => {}).receive(Buffer.of(2, 0, 0, 0, 1)), "bad flag");
});

test("a message that has begun is seen as partial", () => {
  const decoder = new MessageDecoder(10, () => {});
  decoder.receive(Buffer.of(0, 0));
  assert.equal(decoder.partial, true);
});

test("any text survives grpc-message", () => {
  for (const text of ["", "plain text", "100%", "☕\n\t", "ä ö", "%41", "\u{1F41F}"]) {
    const encoded = encodeGrpcMessage(text);
    assert.match(encoded, /^[ -~]*$/);
    assert.equal(decodeGrpcMessage(encoded), text);
  }
  assert.equal(encodeGrpcMessage("a%b"), "a%25b");
});

test("a broken escape in grpc-message stays as it is", () => {
  assert.equal(decodeGrpcMessage("100% of %zz%4"), "100% of %zz%4");
});

test("grpc-timeout is read in all units and nothing else", () => {
  const good = {
    "1H": 3_600_000,
    "2M": 120_000,
    "3S": 3_000,
    "4m": 4,
    "5u": 0.005,
    "6n": 0.000_006,
  };
  for (const [text, millis] of Object.entries(good)) {
    assert.ok(Math.abs((parseGrpcTimeout(text) ?? -1) - millis) < 1e-9, text);
  }
  for (const text of ["", "1", "S", "1s", "-1S", "1.5S", "123456789S", " 1S", "1SS"]) {
    assert.equal(parseGrpcTimeout(text), undefined, text);
  }
});

test("a formatted timeout is never shorter than asked for, and has at most eight digits", () => {
  for (const millis of [0, 0.2, 1, 1_500, 99_999_999, 100_000_001, 1e12, 1e15]) {
    const text = formatGrpcTimeout(millis);
    assert.match(text, /^[0-9]{1,8}[HMSm]$/);
    if (millis < 1e14) assert.ok((parseGrpcTimeout(text) ?? 0) >= millis, text);
  }
  assert.equal(formatGrpcTimeout(1_500), "1500m");
});

test("statuses have their names, and HTTP answers and resets their statuses", () => {
  assert.equal(grpcStatusName(14), "UNAVAILABLE");
  assert.equal(grpcStatusName(99), "STATUS_99");
  assert.equal(parseGrpcStatus("16"), 16);
  for (const text of ["", "x", "-1", "1.0", "1234"]) assert.equal(parseGrpcStatus(text), 2);
  const http = [400, 401, 403, 404, 429, 502, 503, 504, 500, 302].map(grpcStatusOfHttp);
  assert.deepEqual(http, [13, 16, 7, 12, 14, 14, 14, 14, 2, 2]);
  const resets = [0, 1, 2, 7, 8, 11, 12].map(grpcStatusOfReset);
  assert.deepEqual(resets, [13, 13, 13, 14, 1, 8, 7]);
});

test("an error is one head with HTTP status 200", () => {
  assert.deepEqual(createTrailersOnly(14, "50% gone"), {
    status: 200,
    headers: [
      "content-type",
      "application/grpc",
      "grpc-status",
      "14",
      "grpc-message",
      "50%25 gone",
    ],
  });
});

test("gRPC is told by its content-type, and gRPC-Web is not gRPC", () => {
  for (const type of ["application/grpc", "application/grpc+proto", "application/grpc;x=y"]) {
    assert.equal(isGrpcContentType(type), true, type);
  }
  for (const type of ["application/grpc-web", "application/json", "", "application/grpcx"]) {
    assert.equal(isGrpcContentType(type), false, type);
  }
});
