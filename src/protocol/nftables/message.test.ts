import assert from "node:assert/strict";
import { test } from "node:test";
import {
  attribute,
  decodeAttributes,
  nested,
  numberAttribute,
  textAttribute,
} from "./attributes.ts";
import { decodeExpressions, type Expression, encodeExpressions } from "./expression.ts";
import { decodeReplies, encodeRuleDump, encodeTransaction } from "./message.ts";

function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(/\s/g, ""), "hex");
}

test("a transaction is one batch of acknowledged requests in order", () => {
  const sent = encodeTransaction("t", [
    { kind: "add-table" },
    {
      kind: "add-rule",
      chain: "c",
      expressions: [
        { kind: "meta", key: "skuid" },
        { kind: "equal", value: Uint8Array.of(0xa0, 0x3a, 0, 0) },
        { kind: "return" },
      ],
    },
  ]);
  const expected = [
    // Batch begin: length 20, type 0x10, request, sequence 0, resource 10 in network order.
    "14000000 1000 0100 00000000 00000000 00 00 000a",
    // NEWTABLE, request + ack + create, sequence 1, family inet; name "t".
    "1c000000 000a 0504 01000000 00000000 01 00 0000 0600 0100 74000000",
    // NEWRULE, request + ack + create + append, sequence 2; table, chain, expressions.
    "a8000000 060a 050c 02000000 00000000 01 00 0000",
    "0600 0100 74000000 0600 0200 63000000 8400 0480",
    // meta: register 1, key 10 (skuid).
    "2400 0180 0900 0100 6d65746100000000 1400 0280 0800 0100 00000001 0800 0200 0000000a",
    // cmp: register 1 equals 15008 in host order.
    "2c00 0180 0800 0100 636d7000 2000 0280 0800 0100 00000001 0800 0200 00000000",
    "0c00 0380 0800 0100 a03a0000",
    // immediate: the verdict register takes NFT_RETURN, -5.
    "3000 0180 0e00 0100 696d6d656469617465000000 1c00 0280 0800 0100 00000000",
    "1000 0280 0c00 0280 0800 0100 fffffffb",
    "14000000 1100 0100 03000000 00000000 00 00 000a",
  ];
  assert.equal(sent.toString("hex"), bytes(expected.join("")).toString("hex"));
});

test("every expression survives encoding and decoding", () => {
  const expressions: readonly Expression[] = [
    { kind: "meta", key: "oifname" },
    { kind: "meta", key: "skgid" },
    { kind: "meta", key: "l4proto" },
    { kind: "transport", offset: 2, length: 2 },
    { kind: "equal", value: Uint8Array.of(1) },
    { kind: "between", from: Uint8Array.of(0, 22), to: Uint8Array.of(0, 80) },
    { kind: "load", value: Uint8Array.of(0x3a, 0x99) },
    { kind: "redirect" },
    { kind: "return" },
  ];
  assert.deepEqual(decodeExpressions(encodeExpressions(expressions)), expressions);
});

test("an expression of another program is told apart from ours", () => {
  const counter = nested(1, textAttribute(1, "counter"), nested(2, numberAttribute(1, 0)));
  assert.deepEqual(decodeExpressions(counter), [{ kind: "foreign", name: "counter" }]);
  // A comparison with another register is not one of ours either.
  const other = nested(
    1,
    textAttribute(1, "cmp"),
    nested(2, numberAttribute(1, 2), numberAttribute(2, 0), nested(3, attribute(1, bytes("00")))),
  );
  assert.deepEqual(decodeExpressions(other), [{ kind: "foreign", name: "cmp" }]);
  assert.throws(() => encodeExpressions([{ kind: "foreign", name: "counter" }]), TypeError);
});

test("an acknowledgement and a refusal name the request that they answer", () => {
  const ok = "24000000 0200 0001 01000000 00000000 00000000 1c000000 000a0504 01000000 00000000";
  const refused =
    "24000000 0200 0000 02000000 00000000 ffffffff 1c000000 000a0504 02000000 00000000";
  assert.deepEqual(decodeReplies("t", bytes(ok + refused)), [
    { kind: "result", sequence: 1, errno: 0 },
    { kind: "result", sequence: 2, errno: 1 },
  ]);
});

test("a dump gives the rules of the table and passes over those of others", () => {
  const rule = (table: string) =>
    encodeTransaction(table, [
      { kind: "add-rule", chain: "c", expressions: [{ kind: "redirect" }] },
    ]).subarray(20, -20);
  const done = bytes("14000000 0300 0200 01000000 00000000 00000000");
  assert.deepEqual(decodeReplies("ours", Buffer.concat([rule("ours"), rule("theirs"), done])), [
    { kind: "rule", sequence: 1, chain: "c", expressions: [{ kind: "redirect" }] },
    { kind: "other", sequence: 1 },
    { kind: "done", sequence: 1, errno: 0 },
  ]);
});

test("a chain is read back as it was written", () => {
  const chain = { name: "output", hook: "output", priority: -100 } as const;
  const sent = encodeTransaction("t", [{ kind: "add-chain", chain }]).subarray(20, -20);
  assert.deepEqual(decodeReplies("t", sent), [{ kind: "chain", sequence: 1, chain }]);
});

test("the rules of one table are asked for by its name", () => {
  assert.equal(
    encodeRuleDump("t", 7).toString("hex"),
    bytes("1c000000 070a 0103 07000000 00000000 01 00 0000 0600 0100 74000000").toString("hex"),
  );
});

const cut = {
  "a header that is cut": "14000000 1000",
  "a message longer than the datagram": "ff000000 0200 0000 01000000 00000000 00000000",
  "a message shorter than its header": "08000000 0200 0000 01000000 00000000 00000000",
};
for (const [what, hex] of Object.entries(cut)) {
  test(`${what} is refused`, () => assert.equal(decodeReplies("t", bytes(hex)), undefined));
}

test("attributes with impossible lengths are refused", () => {
  for (const hex of ["0300 0100", "0800 0100 00", "0800"]) {
    assert.equal(decodeAttributes(bytes(hex)), undefined, hex);
  }
  assert.equal(decodeExpressions(bytes("0300 0100")), undefined);
});
