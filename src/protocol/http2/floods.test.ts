/** Floods (CVE numbers in limits.ts): each ends the connection at the number that the limit says, and not before. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultLimits, type Http2Limits } from "./limits.ts";
import { CANCEL, ENHANCE_YOUR_CALM, REFUSED_STREAM, SETTINGS_TIMEOUT } from "./numbers.ts";
import { call, type ServerConversation, serve } from "./testing/conversation.ts";
import {
  data,
  type Field,
  frame,
  headers,
  ping,
  plainBlock,
  priority,
  reset,
  settings,
  uint32,
  windowUpdate,
} from "./testing/frames.ts";

const get: Field[] = [
  [":method", "GET"],
  [":scheme", "https"],
  [":authority", "shop"],
  [":path", "/"],
];
const post: Field[] = [[":method", "POST"], ...get.slice(1)];

interface Flood {
  readonly limit: keyof Http2Limits;
  /** Sends the n-th hostile piece, n from 0. */
  readonly piece: (n: number) => Buffer;
  /** Pieces that pass: the limit, unless something was spent before. */
  readonly pass?: number;
  readonly before?: Buffer;
}

const floods: Readonly<Record<string, Flood>> = {
  "rapid reset": {
    limit: "resets",
    piece: (n) => Buffer.concat([headers(n * 2 + 1, get, true), reset(n * 2 + 1, CANCEL)]),
  },
  "MadeYouReset by window updates of nothing": {
    limit: "resets",
    piece: (n) => Buffer.concat([headers(n * 2 + 1, get, true), windowUpdate(n * 2 + 1, 0)]),
  },
  "MadeYouReset by windows above 2^31-1": {
    limit: "resets",
    piece: (n) =>
      Buffer.concat([headers(n * 2 + 1, get, true), windowUpdate(n * 2 + 1, 0x7fff_ffff)]),
  },
  "MadeYouReset by DATA after END_STREAM": {
    limit: "resets",
    piece: (n) => Buffer.concat([headers(n * 2 + 1, get, true), data(n * 2 + 1, "x")]),
  },
  "MadeYouReset by self-dependency": {
    limit: "resets",
    piece: (n) =>
      frame(1, 0x25, n * 2 + 1, Buffer.concat([uint32(n * 2 + 1), Buffer.of(0), plainBlock(get)])),
  },
  "malformed requests": {
    limit: "resets",
    piece: (n) => headers(n * 2 + 1, [...get, ["X", ""]], true),
  },
  SETTINGS: {
    limit: "settings",
    piece: () => settings({ 4: 1_000 }),
    // The handshake took one.
    pass: defaultLimits.settings - 1,
  },
  PING: { limit: "pings", piece: () => ping },
  "empty DATA": {
    limit: "emptyData",
    piece: () => data(1, ""),
    before: headers(1, post),
  },
  "DATA of padding only": {
    limit: "emptyData",
    piece: () => frame(0, 8, 1, Buffer.of(3, 0, 0, 0)),
    before: headers(1, post),
  },
  PRIORITY: { limit: "priorities", piece: (n) => priority(n * 2 + 1, 0) },
  "WINDOW_UPDATE of one byte": {
    limit: "windowUpdates",
    piece: () => windowUpdate(0, 1),
  },
  "unknown frames": { limit: "ignoredFrames", piece: () => frame(0xee, 0, 0, "x") },
  "CONTINUATION without end": {
    limit: "continuations",
    piece: (n) => (n === 0 ? frame(1, 0, 1, plainBlock(get)) : frame(9, 0, 1, "")),
    pass: defaultLimits.continuations + 1,
  },
  "a header block without end": {
    limit: "headerBlockSize",
    piece: (n) => frame(n === 0 ? 1 : 9, 0, 1, Buffer.alloc(16_000)),
    pass: Math.floor(defaultLimits.headerBlockSize / 16_000),
  },
};

for (const [what, flood] of Object.entries(floods)) {
  const pass = flood.pass ?? defaultLimits[flood.limit];
  test(`a flood of ${what} ends after ${pass} with ENHANCE_YOUR_CALM`, () => {
    const conversation = serve();
    if (flood.before !== undefined) conversation.sends(flood.before);
    for (let n = 0; n < pass; n += 1) conversation.sends(flood.piece(n));
    assert.equal(conversation.host.closed, false, "a piece too early");
    endsCalmed(conversation, flood.piece(pass), flood.limit);
    for (const { recorder } of conversation.requests) {
      assert.ok(recorder.events.filter((event) => event === "reset").length <= 1);
    }
  });
}

test("refused streams count as resets", () => {
  const conversation = serve({ maxConcurrentStreams: 1 });
  conversation.sends(headers(1, get, true));
  for (let n = 1; n <= defaultLimits.resets; n += 1) {
    const seen = conversation.sends(headers(n * 2 + 1, get, true));
    assert.deepEqual(seen, [{ type: "RST_STREAM", stream: n * 2 + 1, code: REFUSED_STREAM }]);
  }
  endsCalmed(conversation, headers(9_999, get, true), "resets");
});

test("a client that cancels every second of its calls is never cut", () => {
  const { sends, host } = serve({}, (request) => {
    if (request.head.path === "/") request.response.head({ status: 200, headers: [] }, true);
  });
  const slow: Field[] = [...get.slice(0, 3), [":path", "/slow"]];
  for (let n = 0; n < 5_000; n += 1) {
    sends(headers(n * 4 + 1, get, true), headers(n * 4 + 3, slow, true), reset(n * 4 + 3, CANCEL));
  }
  assert.equal(host.closed, false);
});

test("a client whose calls all time out after a second is never cut", () => {
  const { sends, host, engine } = serve();
  for (let round = 0; round < 20; round += 1) {
    const ids = Array.from({ length: 200 }, (_, n) => (round * 200 + n) * 2 + 1);
    for (const id of ids) sends(headers(id, get, true));
    engine.tick();
    engine.tick();
    for (const id of ids) sends(reset(id, CANCEL));
  }
  assert.equal(host.closed, false);
});

test("a server may reset as many of our requests as it likes", () => {
  const { sends, opens, host } = call();
  for (let n = 0; n < 2_000; n += 1) {
    opens();
    sends(reset(n * 2 + 1, CANCEL));
  }
  assert.equal(host.closed, false);
});

test("time refills the budgets", () => {
  const { sends, host, engine } = serve();
  for (let second = 0; second < 50; second += 1) {
    for (let n = 0; n < defaultLimits.resetsPerSecond; n += 1) {
      const id = (second * defaultLimits.resetsPerSecond + n) * 2 + 1;
      sends(headers(id, get, true), reset(id, CANCEL));
    }
    engine.tick();
  }
  assert.equal(host.closed, false);
});

test("a PING for each DATA frame, as gRPC measures its bandwidth, is no flood", () => {
  const { sends, host } = serve();
  sends(headers(1, post));
  for (let n = 0; n < 20_000; n += 1) sends(data(1, "x"), ping);
  assert.equal(host.closed, false);
});

test("a peer that does not read our answers is cut off", () => {
  const { host, engine } = serve({ limits: { pings: 1e9 } });
  for (let n = 0; n <= defaultLimits.queuedControlFrames; n += 1) {
    assert.equal(host.closed, false);
    engine.receive(ping);
  }
  assert.equal(host.closed, true);
  assert.equal(engine.stats.floods["queuedControlFrames"], 1);
});

test("a peer that asks and asks without reading what it is answered is cut off", () => {
  const { host, engine } = serve({}, (request) =>
    request.response.head({ status: 204, headers: [] }, true),
  );
  for (let n = 0; n <= defaultLimits.queuedControlFrames; n += 1) {
    assert.equal(host.closed, false);
    engine.receive(headers(n * 2 + 1, get, true));
  }
  assert.equal(host.closed, true);
  assert.equal(engine.stats.floods["queuedControlFrames"], 1);
});

test("a header block that stops half-way is given up", () => {
  const { sends, host, engine } = serve();
  sends(frame(1, 0, 1, plainBlock(get)));
  for (let second = 0; second < defaultLimits.handshakeTicks; second += 1) engine.tick();
  assert.equal(host.closed, false);
  engine.tick();
  assert.equal(host.closed, true);
});

test("SETTINGS that nobody acknowledges end the connection", () => {
  const { engine, host } = serve();
  for (let second = 0; second < 100; second += 1) engine.tick();
  assert.equal(host.closed, false);
  const silent = call();
  for (let second = 0; second < 100; second += 1) silent.engine.tick();
  assert.equal(silent.host.closed, false);
  const never = serve({}, () => {}, false);
  for (let second = 0; second <= defaultLimits.handshakeTicks; second += 1) never.engine.tick();
  assert.equal(never.host.closeReset?.http2Code, SETTINGS_TIMEOUT);
});

test("a thousand 1xx heads reset the response, not the connection", () => {
  const { sends, opens, host } = call();
  const { recorder } = opens();
  for (let n = 0; n < 1_000; n += 1) sends(headers(1, [[":status", "103"]]));
  assert.equal(recorder.events.length, defaultLimits.informationalHeads + 1);
  assert.equal(recorder.reset?.code, "protocol_error");
  assert.equal(host.closed, false);
});

test("the widths of a hostile table cost what they weigh: the decoder keeps no more than its table", () => {
  const { sends, host, requests } = serve({}, (request) =>
    request.response.head({ status: 204, headers: [] }, true),
  );
  for (let n = 0; n < 2_000; n += 1) {
    const name = `x-${n}`;
    const entry = Buffer.concat([
      Buffer.of(0x40, name.length),
      Buffer.from(name),
      Buffer.of(100),
      Buffer.alloc(100, 0x61),
    ]);
    sends(frame(1, 5, n * 2 + 1, Buffer.concat([plainBlock(get), entry])));
  }
  assert.equal(requests.length, 2_000);
  assert.equal(host.closed, false);
});

function endsCalmed(
  { sends, host, engine }: ServerConversation,
  last: Buffer,
  limit: keyof Http2Limits,
): void {
  const seen = sends(last).at(-1);
  assert.equal(seen?.type === "GOAWAY" ? seen.code : -1, ENHANCE_YOUR_CALM);
  assert.equal(host.closed, true);
  assert.equal(host.closeReset?.code, "flood");
  assert.equal(engine.stats.floods[limit], 1);
  assert.equal(engine.active, 0);
}
