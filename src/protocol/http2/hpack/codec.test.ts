/** The HPACK codec against a naive one, and against blocks that nobody should send. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createByteWriter } from "../../byte-writer.ts";
import { HpackDecoder } from "./decoder.ts";
import { HpackEncoder } from "./encoder.ts";
import { type NaiveField, NaiveTable, naiveDecode, naiveEncode } from "./naive-codec.ts";

const names = [
  ":path",
  ":status",
  "content-type",
  "date",
  "x-a",
  "x-b",
  "x-request-id",
  "authorization",
  "cookie",
  "accept-encoding",
  "a-much-longer-name-than-usual-for-a-header-field",
];

for (const huffman of [false, true]) {
  test(`what the encoder writes, both decoders read alike (huffman ${huffman})`, () => {
    const random = seededRandom(huffman ? 7 : 11);
    for (let round = 0; round < 40; round += 1) {
      const encoder = new HpackEncoder({ huffman });
      const decoder = new HpackDecoder();
      const naive = new NaiveTable();
      for (let block = 0; block < 60; block += 1) {
        const out = createByteWriter();
        if (random(20) === 0) encoder.setPeerLimit([0, 64, 200, 1_000, 4_096, 9_999][random(6)]!);
        const fields = randomFields(random);
        encoder.begin(out);
        for (const [name, value] of fields) encoder.field(out, name, value);
        const bytes = out.take();
        const decoded = decodeAll(decoder, bytes);
        assert.equal(decoded.problem, "");
        assert.deepEqual(decoded.fields, fields);
        assert.equal(decoder.tableSize, encoder.tableSize);
        if (!huffman) assert.deepEqual(naiveDecode(naive, bytes), fields);
      }
    }
  });
}

test("what the naive encoder writes, the decoder reads", () => {
  const random = seededRandom(3);
  for (let round = 0; round < 40; round += 1) {
    const table = new NaiveTable();
    const decoder = new HpackDecoder();
    for (let block = 0; block < 60; block += 1) {
      const fields = randomFields(random);
      const decoded = decodeAll(decoder, naiveEncode(table, fields));
      assert.equal(decoded.problem, "");
      assert.deepEqual(decoded.fields, fields);
      assert.equal(decoder.tableSize, table.size());
    }
  }
});

test("a repeated list of ten ordinary fields leaves as ten bytes", () => {
  const encoder = new HpackEncoder();
  const fields: NaiveField[] = [
    [":method", "POST"],
    [":scheme", "https"],
    [":path", "/shop.Cart/Add"],
    [":authority", "cart.shop:8080"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ["user-agent", "grpc-node-js/1.14"],
    ["accept-encoding", "identity"],
    ["grpc-accept-encoding", "identity,deflate,gzip"],
    ["remora-dst", "8080"],
  ];
  const lengths = [1, 2, 3].map(() => encodeAll(encoder, fields).length);
  // The path is a volatile name: it gets its entry when it comes the second time.
  assert.equal(lengths[2], 10);
});

test("secrets are never entered into a table, and marked so", () => {
  const encoder = new HpackEncoder();
  for (const name of ["authorization", "proxy-authorization", "cookie", "set-cookie"]) {
    for (let time = 0; time < 3; time += 1) {
      const block = encodeAll(encoder, [[name, "secret"]]);
      assert.equal(block[0]! & 0xf0, 0x10, name);
    }
  }
  assert.equal(encoder.tableSize, 0);
});

test("a value that changes with every request does not push others out", () => {
  const encoder = new HpackEncoder();
  encodeAll(encoder, [["x-stable", "value"]]);
  for (let request = 0; request < 10_000; request += 1) {
    encodeAll(encoder, [
      ["x-request-id", `id-${request}`],
      ["x-user", `user-${request}`],
      [":path", `/items/${request}?q=${request}`],
    ]);
  }
  assert.equal(encodeAll(encoder, [["x-stable", "value"]]).length, 1);
});

test("names of one connection are left out", () => {
  const encoder = new HpackEncoder();
  const fields: NaiveField[] = [
    ["connection", "close"],
    ["host", "a"],
    ["transfer-encoding", "chunked"],
    ["upgrade", "h2c"],
  ];
  assert.equal(encodeAll(encoder, fields).length, 0);
});

const badBlocks: Readonly<Record<string, string>> = {
  "index 0": "80",
  "an index beyond the static table": "be",
  "an index of a literal's name beyond the table": "7f0000",
  "an integer of many bytes": "ffffffffffffffffffff7f",
  "an integer that does not end": "ff80808080",
  "a literal that ends in its name": "400561",
  "a literal that ends before its value": "400161",
  "bad Huffman padding": "4082ff000161",
  "a size update above the limit": "3fe21f",
  "a size update after a field": "8220",
  "three size updates": "202020",
  "a size update that is cut": "3f",
};
for (const [what, hex] of Object.entries(badBlocks)) {
  test(`${what} is a compression error`, () => {
    const decoded = decodeAll(new HpackDecoder(), Buffer.from(hex, "hex"));
    assert.notEqual(decoded.problem, "");
  });
}

test("an entry larger than the table empties it", () => {
  const decoder = new HpackDecoder();
  const table = new NaiveTable();
  decodeAll(decoder, naiveEncode(table, [["a", "b"]]));
  assert.equal(decoder.tableSize, 34);
  const decoded = decodeAll(decoder, naiveEncode(table, [["a", "b".repeat(5_000)]]));
  assert.equal(decoded.problem, "");
  assert.equal(decoder.tableSize, 0);
});

test("an empty text, a long text and Latin-1 bytes pass unchanged", () => {
  const fields: NaiveField[] = [
    ["x-empty", ""],
    ["x-long", "z".repeat(20_000)],
    ["x-latin", "caf\u00e9 \u00ff"],
  ];
  for (const huffman of [false, true]) {
    const decoded = decodeAll(new HpackDecoder(), encodeAll(new HpackEncoder({ huffman }), fields));
    assert.deepEqual(decoded.fields, fields);
  }
});

test("a block that is too large for its sink leaves the same table, and the same problem", () => {
  const random = seededRandom(5);
  for (let round = 0; round < 400; round += 1) {
    const [whole, dropping] = [new HpackDecoder(), new HpackDecoder()];
    const encoder = new HpackEncoder({ tableSize: 4_096, huffman: false });
    for (let block = 0; block < 4; block += 1) {
      const bytes = encodeAll(encoder, [...randomFields(random), ...randomFields(random)]);
      // References to the newest entry, to the static table, and in every other round to nothing or cut short.
      const references = Array.from({ length: random(60) }, () => 0x81 + random(62));
      const wrong = random(8) === 0 ? [[0x80], [0xff, 0x7f], [0xff]][random(3)]! : [];
      const input = Buffer.concat([bytes, Buffer.from(references), Buffer.from(wrong), bytes]);
      const { problem, fields } = decodeAll(whole, input);
      let heard = 0;
      const sink = {
        tooLarge: false,
        field: (): void => {
          heard += 1;
          sink.tooLarge = heard > 3;
        },
      };
      assert.equal(dropping.decode(input, 0, input.length, sink), problem);
      assert.ok(heard <= fields.length);
      assert.equal(dropping.tableSize, whole.tableSize);
      if (problem !== "") break;
    }
  }
});

function encodeAll(encoder: HpackEncoder, fields: readonly NaiveField[]): Buffer {
  const out = createByteWriter();
  encoder.begin(out);
  for (const [name, value] of fields) encoder.field(out, name, value);
  return out.take();
}

function decodeAll(decoder: HpackDecoder, block: Buffer) {
  const fields: NaiveField[] = [];
  const problem = decoder.decode(block, 0, block.length, {
    tooLarge: false,
    field: (name, value) => void fields.push([name, value]),
  });
  return { problem, fields };
}

function randomFields(random: (below: number) => number): NaiveField[] {
  return Array.from({ length: random(14) }, () => {
    const name = random(8) === 0 ? `x-${random(200)}` : names[random(names.length)]!;
    const length = random(12) === 0 ? random(1_500) : random(12);
    const value =
      random(3) === 0 ? `v${random(4)}` : String.fromCharCode(97 + random(26)).repeat(length);
    return [name, value];
  });
}

/** A small generator that repeats itself from the same seed (mulberry32). */
function seededRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
