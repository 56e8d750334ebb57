/** Detection: a decision is never changed by more bytes, and is made within the stated number of bytes. */
import assert from "node:assert/strict";
import { detect, mostDetectionBytes } from "./detect.ts";
import type { FuzzTarget } from "./fuzz-target.ts";

export const target: FuzzTarget = {
  name: "detect",
  seeds: [
    "GET / HTTP/1.1\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00",
  ].map((text) => Buffer.from(text, "latin1")),
  run(input) {
    const first = detect(input);
    const longer = Buffer.concat([input, Buffer.from("GET / HTTP/1.1\r\n")]);
    if (first !== undefined) assert.equal(detect(longer), first);
    if (input.length >= mostDetectionBytes) assert.notEqual(first, undefined);
  },
};
