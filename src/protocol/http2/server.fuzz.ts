/** Fuzz target: the server side, after its handshake, fed with arbitrary bytes cut in two. */
import type { FuzzTarget } from "../fuzz-target.ts";
import { checkRecord } from "./testing/check-record.ts";
import { serve } from "./testing/conversation.ts";
import {
  createBlockEncoder,
  data,
  frame,
  goaway,
  headers,
  ping,
  plainBlock,
  priority,
  reset,
  settings,
  settingsAck,
  windowUpdate,
} from "./testing/frames.ts";

const get = [
  [":method", "POST"],
  [":scheme", "https"],
  [":authority", "shop:80"],
  [":path", "/a?b"],
] as const;
const rest = [data(1, "hello", true), windowUpdate(0, 9), windowUpdate(1, 9), ping, priority(3, 1)];
const request = [
  headers(1, [...get, ["cookie", "a"], ["cookie", "b"]]),
  frame(1, 0, 3, plainBlock(get).subarray(0, 9)),
  frame(9, 5, 3, plainBlock(get).subarray(9)),
  frame(1, 5, 5, createBlockEncoder()(get)),
  reset(5, 8),
];

export const target: FuzzTarget = {
  name: "http2-server",
  seeds: [
    Buffer.concat([...request, ...rest, goaway(0, 0)]),
    Buffer.concat([headers(1, get), data(1, "x"), headers(1, [["x", "y"]], true)]),
    Buffer.concat([settings({ 1: 0, 3: 1, 4: 0, 5: 20_000 }), settingsAck, ...request]),
  ],
  run(input) {
    const { engine, host, requests, sends } = serve({}, ({ response, head }) => {
      response.head({ status: 200, headers: ["x-path", head.path] }, false);
      response.data(Buffer.from("answer"), head.method !== "POST");
    });
    const cut = (input[0] ?? 0) % (input.length + 1);
    sends(input.subarray(0, cut), input.subarray(cut));
    engine.tick();
    engine.receiveEnd();
    host.frames(engine);
    engine.closed({ code: "downstream_closed", http2Code: 0, detail: "end", unprocessed: false });
    for (const { recorder } of requests) checkRecord(recorder);
    if (engine.active !== 0) throw new Error("streams outlived their connection");
  },
};
