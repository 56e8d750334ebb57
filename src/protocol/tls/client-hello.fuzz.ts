/** ClientHello: no input throws, and a longer input never turns an answer into another. */
import assert from "node:assert/strict";
import type { FuzzTarget } from "../fuzz-target.ts";
import { parseClientHello } from "./client-hello.ts";
import { buildClientHello, extension, inRecords } from "./testing/hello.ts";

const message = buildClientHello([
  extension.serverName("web.shop.svc.cluster.local"),
  extension.alpn(["h2", "http/1.1"]),
]);

export const target: FuzzTarget = {
  name: "client-hello",
  seeds: [inRecords(message, 512), inRecords(message, 20), inRecords(buildClientHello([]), 9)],
  run(input) {
    const result = parseClientHello(input);
    if (result === undefined) return;
    assert.deepEqual(parseClientHello(Buffer.concat([input, Buffer.alloc(9, 22)])), result);
  },
};
