/** Every example of RFC 7541 Appendix C. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createByteWriter } from "../../byte-writer.ts";
import { HpackDecoder } from "./decoder.ts";
import { HpackEncoder } from "./encoder.ts";
import { decodeHuffman, encodeHuffman, huffmanLength, maxDecodedLength } from "./huffman.ts";

interface Step {
  readonly hex: string;
  readonly fields: readonly (readonly [string, string])[];
  readonly tableSize: number;
}

const request1 = [
  [":method", "GET"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "www.example.com"],
] as const;
const request2 = [...request1, ["cache-control", "no-cache"]] as const;
const request3 = [
  [":method", "GET"],
  [":scheme", "https"],
  [":path", "/index.html"],
  [":authority", "www.example.com"],
  ["custom-key", "custom-value"],
] as const;
const date1 = "Mon, 21 Oct 2013 20:13:21 GMT";
const response = (status: string, date: string) =>
  [
    [":status", status],
    ["cache-control", "private"],
    ["date", date],
    ["location", "https://www.example.com"],
  ] as const;
const response3 = [
  ...response("200", "Mon, 21 Oct 2013 20:13:22 GMT"),
  ["content-encoding", "gzip"],
  ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
] as const;

const examples: Readonly<Record<string, { tableSize?: number; steps: readonly Step[] }>> = {
  "C.2.1 literal with indexing": {
    steps: [
      {
        hex: "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
        fields: [["custom-key", "custom-header"]],
        tableSize: 55,
      },
    ],
  },
  "C.2.2 literal without indexing": {
    steps: [
      {
        hex: "040c 2f73 616d 706c 652f 7061 7468",
        fields: [[":path", "/sample/path"]],
        tableSize: 0,
      },
    ],
  },
  "C.2.3 literal never indexed": {
    steps: [
      {
        hex: "1008 7061 7373 776f 7264 0673 6563 7265 74",
        fields: [["password", "secret"]],
        tableSize: 0,
      },
    ],
  },
  "C.2.4 indexed": { steps: [{ hex: "82", fields: [[":method", "GET"]], tableSize: 0 }] },
  "C.3 requests without Huffman": {
    steps: [
      {
        hex: "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        fields: request1,
        tableSize: 57,
      },
      { hex: "8286 84be 5808 6e6f 2d63 6163 6865", fields: request2, tableSize: 110 },
      {
        hex: "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
        fields: request3,
        tableSize: 164,
      },
    ],
  },
  "C.4 requests with Huffman": {
    steps: [
      { hex: "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", fields: request1, tableSize: 57 },
      { hex: "8286 84be 5886 a8eb 1064 9cbf", fields: request2, tableSize: 110 },
      {
        hex: "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
        fields: request3,
        tableSize: 164,
      },
    ],
  },
  "C.5 responses without Huffman": {
    tableSize: 256,
    steps: [
      {
        hex: `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133
          2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65
          2e63 6f6d`,
        fields: response("302", date1),
        tableSize: 222,
      },
      { hex: "4803 3330 37c1 c0bf", fields: response("307", date1), tableSize: 222 },
      {
        hex: `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d
          54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541
          5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`,
        fields: response3,
        tableSize: 215,
      },
    ],
  },
  "C.6 responses with Huffman": {
    tableSize: 256,
    steps: [
      {
        hex: `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6
          2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
        fields: response("302", date1),
        tableSize: 222,
      },
      { hex: "4883 640e ffc1 c0bf", fields: response("307", date1), tableSize: 222 },
      {
        hex: `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab
          77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587
          3160 65c0 03ed 4ee5 b106 3d50 07`,
        fields: response3,
        tableSize: 215,
      },
    ],
  },
};

for (const [name, { tableSize, steps }] of Object.entries(examples)) {
  test(`${name} decodes as the RFC says`, () => {
    const decoder = new HpackDecoder();
    // The response examples are for a table of 256 bytes: 3f e1 01 is the update to it.
    if (tableSize !== undefined) {
      assert.equal(decodeInto(decoder, Buffer.from("3fe101", "hex")).problem, "");
    }
    for (const step of steps) {
      const decoded = decodeInto(decoder, fromHex(step.hex));
      assert.equal(decoded.problem, "");
      assert.deepEqual(decoded.fields, step.fields);
      assert.equal(decoder.tableSize, step.tableSize);
    }
  });
}

test("C.1 integers are written and read in their prefixes", () => {
  // 10 and 1337 in five bits are table size updates here; 42 in eight has no place in a block.
  const decoder = new HpackDecoder();
  assert.equal(decodeInto(decoder, fromHex("2a")).problem, "");
  assert.equal(decodeInto(decoder, fromHex("3f 9a 0a")).problem, "");
  const encoder = new HpackEncoder();
  encoder.setPeerLimit(10);
  encoder.setPeerLimit(1_337);
  const out = createByteWriter();
  encoder.begin(out);
  assert.equal(out.take().toString("hex"), "2a3f9a0a");
});

test("the encoder writes C.4's strings as the RFC does when it codes with Huffman", () => {
  const encoder = new HpackEncoder({ huffman: true });
  const out = createByteWriter();
  encoder.begin(out);
  for (const [name, value] of request1) encoder.field(out, name, value);
  assert.equal(out.take().toString("hex"), "828684418cf1e3c2e5f23a6ba0ab90f4ff");
  for (const [name, value] of request2) encoder.field(out, name, value);
  assert.equal(out.take().toString("hex"), "828684be5886a8eb10649cbf");
});

test("every byte survives Huffman coding, alone and among others", () => {
  const all = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
  for (const text of [...all, all.join(""), all.toReversed().join(""), ""]) {
    const coded = Buffer.alloc(huffmanLength(text));
    assert.equal(encodeHuffman(text, coded, 0), coded.length);
    const decoded = Buffer.alloc(maxDecodedLength(coded.length));
    const length = decodeHuffman(coded, 0, coded.length, decoded);
    assert.equal(decoded.toString("latin1", 0, length), text);
  }
});

test("Huffman code with EOS, or with padding that is too long or not all ones, is refused", () => {
  const into = Buffer.alloc(64);
  for (const hex of ["ffffffff", "ff", "1fff", "00", "1e", "3fffffff"]) {
    const coded = Buffer.from(hex, "hex");
    assert.equal(decodeHuffman(coded, 0, coded.length, into), -1, hex);
  }
  // "a" is 00011, so 1f is "a" with three ones.
  assert.equal(decodeHuffman(Buffer.from("1f", "hex"), 0, 1, into), 1);
});

function fromHex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ""), "hex");
}

function decodeInto(decoder: HpackDecoder, block: Buffer) {
  const fields: [string, string][] = [];
  const problem = decoder.decode(block, 0, block.length, {
    tooLarge: false,
    field: (name, value) => void fields.push([name, value]),
  });
  return { problem, fields };
}
