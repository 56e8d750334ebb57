/** Fuzz target: HPACK blocks of arbitrary bytes, two in a row so that the table is used. */
import type { FuzzTarget } from "../../fuzz-target.ts";
import { createBlockEncoder, type Field } from "../testing/frames.ts";
import { HpackDecoder } from "./decoder.ts";
import { DEFAULT_TABLE_SIZE } from "./static-table.ts";

const encode = createBlockEncoder();
const fields: Field[] = [
  [":path", "/a"],
  ["x-long", "v".repeat(200)],
  ["cookie", "a=b"],
];

export const target: FuzzTarget = {
  name: "hpack-decoder",
  seeds: [
    encode(fields),
    encode(fields),
    Buffer.from("828684418cf1e3c2e5f23a6ba0ab90f4ff", "hex"),
    Buffer.from("3fe1014882640258", "hex"),
  ],
  run(input) {
    const decoder = new HpackDecoder();
    const dropping = new HpackDecoder();
    const half = input.length >> 1;
    for (const [from, to] of [
      [0, half],
      [half, input.length],
    ] as const) {
      const problem = decoder.decode(input, from, to, { tooLarge: false, field() {} });
      const same = dropping.decode(input, from, to, { tooLarge: true, field() {} });
      if (same !== problem)
        throw new Error(`"${same}" where fields are dropped, else "${problem}"`);
      if (dropping.tableSize !== decoder.tableSize) throw new Error("another table");
      if (problem !== "") break;
    }
    if (decoder.tableSize > DEFAULT_TABLE_SIZE) throw new Error("table larger than allowed");
  },
};
