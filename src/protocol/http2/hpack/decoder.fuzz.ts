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
    const sink = { field() {} };
    const half = input.length >> 1;
    if (decoder.decode(input, 0, half, sink) === "")
      decoder.decode(input, half, input.length, sink);
    if (decoder.tableSize > DEFAULT_TABLE_SIZE) throw new Error("table larger than allowed");
  },
};
