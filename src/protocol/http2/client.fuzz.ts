/** Fuzz target: the client side with two open requests, fed with arbitrary bytes cut in two. */
import type { FuzzTarget } from "../fuzz-target.ts";
import { checkRecord } from "./testing/check-record.ts";
import { call } from "./testing/conversation.ts";
import {
  data,
  goaway,
  headers,
  ping,
  priority,
  reset,
  settings,
  windowUpdate,
} from "./testing/frames.ts";

const ok = [
  [":status", "200"],
  ["content-length", "5"],
] as const;
const rest = [data(1, "hello", true), windowUpdate(0, 9), windowUpdate(1, 9), ping, priority(3, 1)];
export const target: FuzzTarget = {
  name: "http2-client",
  seeds: [
    Buffer.concat([headers(1, [[":status", "103"]]), headers(1, ok), ...rest]),
    Buffer.concat([headers(1, ok), data(1, "hello"), headers(1, [["grpc-status", "0"]], true)]),
    Buffer.concat([headers(3, ok, true), reset(1, 7), goaway(1, 0), settings({ 3: 0 })]),
  ],
  run(input) {
    const { engine, opens, sends } = call();
    const exchanges = [opens(), opens({ method: "POST" }, false)];
    const cut = (input[0] ?? 0) % (input.length + 1);
    sends(input.subarray(0, cut), input.subarray(cut));
    exchanges[1]?.writer.data(Buffer.from("body"), true);
    engine.tick();
    engine.receiveEnd();
    engine.closed({ code: "upstream_closed", http2Code: 0, detail: "end", unprocessed: false });
    for (const { recorder } of exchanges) checkRecord(recorder);
    if (engine.active !== 0) throw new Error("streams outlived their connection");
  },
};
