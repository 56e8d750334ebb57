import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { MatchSchema } from "../gen/authorization_pb.ts";
import { DeltaDiscoveryRequestSchema } from "../gen/discovery_pb.ts";
import { WireError, WireReader } from "./reader.ts";
import { WireWriter } from "./writer.ts";

const hex = (text: string): Uint8Array => Buffer.from(text, "hex");

test("the writer gives the same bytes as protobuf-es", () => {
  const bytes = new WireWriter()
    .string(2, "type")
    .strings(3, ["/10.0.0.1", "", "ns/ü"])
    .entry(5, "a", "1")
    .entry(5, "b", "")
    .message(7, (status) => void status.uint(1, 300).string(2, ""))
    .take();
  const expected = toBinary(
    DeltaDiscoveryRequestSchema,
    create(DeltaDiscoveryRequestSchema, {
      typeUrl: "type",
      resourceNamesSubscribe: ["/10.0.0.1", "", "ns/ü"],
      initialResourceVersions: { a: "1" },
      errorDetail: { code: 300 },
    }),
  );
  // protobuf-es writes the default of a map's value, this writer does not: so entry b is left out of the comparison.
  assert.equal(
    Buffer.from(bytes).toString("hex").replace("2a030a0162", ""),
    Buffer.from(expected).toString("hex"),
  );
});

test("packed and plain repeated numbers are read alike", () => {
  const packed = toBinary(
    MatchSchema,
    create(MatchSchema, { destinationPorts: [1, 300, 65_535, 4_294_967_295] }),
  );
  for (const bytes of [packed, hex("480148ac0248ffff0348ffffffff0f")]) {
    const reader = new WireReader(bytes);
    const ports: number[] = [];
    while (reader.next()) if (reader.field === 9) reader.uint32s(ports);
    assert.deepEqual(ports, [1, 300, 65_535, 4_294_967_295]);
  }
});

test("a number of ten bytes is cut to 32 bits", () => {
  const reader = new WireReader(hex("08ffffffffffffffffff01"));
  assert.ok(reader.next());
  assert.equal(reader.uint32(), 0xffff_ffff);
});

test("numbers up to 2^53 - 1 survive the writer", () => {
  const bytes = new WireWriter().uint(1, Number.MAX_SAFE_INTEGER).take();
  assert.equal(Buffer.from(bytes).toString("hex"), "08ffffffffffffff0f");
});

test("values that nobody asked for are skipped", () => {
  const reader = new WireReader(hex("08011100000000000000001a016125000000003201ff"));
  let seen = 0;
  while (reader.next()) seen = reader.field;
  assert.equal(seen, 6);
});

const broken: Readonly<Record<string, string>> = {
  "a message that ends inside a tag": "80",
  "a message that ends inside a number": "0880",
  "a number of eleven bytes": "08ffffffffffffffffffff01",
  "a length past the end": "0a05",
  "a fixed 64-bit value past the end": "090000",
  "a fixed 32-bit value past the end": "0d0000",
  "field number zero": "0001",
  "a group": "0b0c",
  "wire type 7": "0f",
};
for (const [name, bytes] of Object.entries(broken)) {
  test(`${name} is refused`, () => {
    const reader = new WireReader(hex(bytes));
    assert.throws(() => {
      while (reader.next());
    }, WireError);
  });
}

test("a value of another type and a string that is not UTF-8 are refused", () => {
  const number = new WireReader(hex("0801"));
  number.next();
  assert.throws(() => number.string(), WireError);
  const text = new WireReader(hex("0a01ff"));
  text.next();
  assert.throws(() => text.string(), WireError);
});
