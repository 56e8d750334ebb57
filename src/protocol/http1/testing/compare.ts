/** Holds the engine's reading of a client's bytes against the naive one. */
import assert from "node:assert/strict";
import type { Splitter } from "./fake-host.ts";
import { type NaiveReading, readNaively } from "./naive.ts";
import type { Accepted } from "./recorder.ts";
import { serve } from "./scenes.ts";

/** Throws when the engine saw other requests than the naive reading, or let pass what that refuses. */
export function compareReadings(input: Buffer, split: Splitter): NaiveReading {
  const text = input.toString("latin1");
  const naive = readNaively(text);
  const { peer, app, host } = serve(
    ({ response }) => response.head({ status: 204, headers: [] }, true),
    split,
  );
  peer.sends(text);
  const complete = app.accepted.filter(({ request, end }) => end || request.ended);
  const seen = complete.map(summarize).slice(0, naive.requests.length);
  assert.deepEqual(seen, naive.requests, text);
  if (naive.verdict === "tunnel") return naive;
  assert.equal(complete.length, naive.requests.length, text);
  if (naive.verdict === "bad")
    assert.match(peer.hears(), /HTTP\/1\.1 (?:4|5)\d\d [^\r]*\r\nproxy-status/);
  if (naive.verdict !== "incomplete") assert.ok(host.finished, text);
  return naive;
}

function summarize({ head, request }: Accepted): string {
  const minor = head.version - 10;
  const first = `${head.method} ${minor} ${head.authority} ${head.path}`;
  return `${first} ${head.headers.join("|")} ${JSON.stringify(request.body)} ${request.trailers.join("|")}`;
}
