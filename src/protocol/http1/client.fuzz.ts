/** The client engine: the same bytes mean the same in any pieces, and never more than one response. */
import assert from "node:assert/strict";
import type { FuzzTarget } from "../fuzz-target.ts";
import { byteByByte, inOnePiece, randomly, type Splitter } from "./testing/fake-host.ts";
import { Recorder } from "./testing/recorder.ts";
import { dial, request } from "./testing/scenes.ts";
import { responseSeeds } from "./testing/seeds.ts";

export const target: FuzzTarget = {
  name: "http1-client",
  seeds: responseSeeds,
  run(input) {
    const text = input.toString("latin1");
    for (const protocol of ["", "websocket"]) {
      const whole = readResponse(text, protocol, inOnePiece);
      for (const split of [byteByByte, randomly(input.length)]) {
        const pieces = readResponse(text, protocol, split);
        assert.deepEqual(withoutCodes(pieces.response), withoutCodes(whole.response));
        assert.equal(pieces.told.at(-1), "unusable");
      }
      const { response } = whole;
      const endings = response.events.filter((event) => /^(?:end|reset) /.test(event));
      assert.ok(endings.length <= 2, response.events.join("; "));
      assert.equal(response.events.filter((event) => event.startsWith("end ")).length <= 1, true);
      if (response.ended && response.reset !== undefined) assert.equal(response.reset.http2Code, 0);
    }
  },
};

/** Bytes that are cut short may be found bad or found missing, depending on how they came. */
function withoutCodes(response: Recorder): string[] {
  return response.events.map((event) => event.replace(/^reset .*/, "reset"));
}

function readResponse(
  text: string,
  protocol: string,
  split: Splitter,
): { response: Recorder; told: string[] } {
  const { peer, engine, told } = dial(split);
  const response = new Recorder();
  response.writer = engine.open(request({ protocol }), protocol === "", response);
  peer.hears();
  peer.sends(text).ends();
  assert.ok(response.ended || response.reset !== undefined || protocol !== "");
  return { response, told };
}
