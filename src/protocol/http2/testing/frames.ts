/** Frames as values, for tests: built into bytes, and read back from what an engine wrote. */
import { createByteWriter } from "../../byte-writer.ts";
import { HpackDecoder } from "../hpack/decoder.ts";
import { HpackEncoder } from "../hpack/encoder.ts";

export type Field = readonly [name: string, value: string];

/** One frame that an engine wrote, in a form that `assert.deepEqual` shows well. */
export type Seen =
  | { readonly type: "DATA"; readonly stream: number; readonly data: string; readonly end: boolean }
  | {
      readonly type: "HEADERS";
      readonly stream: number;
      readonly fields: readonly Field[];
      readonly end: boolean;
    }
  | { readonly type: "RST_STREAM"; readonly stream: number; readonly code: number }
  | { readonly type: "SETTINGS"; readonly ack: boolean; readonly values: Record<number, number> }
  | { readonly type: "PING"; readonly ack: boolean; readonly payload: string }
  | { readonly type: "GOAWAY"; readonly last: number; readonly code: number }
  | { readonly type: "WINDOW_UPDATE"; readonly stream: number; readonly increment: number }
  | { readonly type: "CONTINUATION"; readonly stream: number };

/** A frame of any kind, legal or not. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array | string = "",
): Buffer {
  const body = typeof payload === "string" ? Buffer.from(payload, "latin1") : payload;
  const header = Buffer.alloc(9);
  header.writeUIntBE(body.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, body]);
}

export function uint32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32BE(value, index * 4));
  return bytes;
}

export function settings(values: Readonly<Record<number, number>> = {}): Buffer {
  const payload = Object.entries(values).map(([id, value]) => {
    const bytes = Buffer.alloc(6);
    bytes.writeUInt16BE(Number(id), 0);
    bytes.writeUInt32BE(value, 2);
    return bytes;
  });
  return frame(4, 0, 0, Buffer.concat(payload));
}

export const settingsAck: Buffer = frame(4, 1, 0);
export const ping: Buffer = frame(6, 0, 0, "12345678");

export function data(stream: number, text: string | Uint8Array, end = false): Buffer {
  return frame(0, end ? 1 : 0, stream, text);
}

export function reset(stream: number, code: number): Buffer {
  return frame(3, 0, stream, uint32(code));
}

export function windowUpdate(stream: number, increment: number): Buffer {
  return frame(8, 0, stream, uint32(increment));
}

export function goaway(last: number, code: number): Buffer {
  return frame(7, 0, 0, uint32(last, code));
}

export function priority(stream: number, dependency: number): Buffer {
  return frame(2, 0, stream, Buffer.concat([uint32(dependency), Buffer.of(15)]));
}

/** A header block without state, so that blocks can be sent in any order: no entry is ever made. */
export function plainBlock(fields: readonly Field[]): Buffer {
  const parts: Buffer[] = [];
  for (const field of fields) {
    parts.push(Buffer.of(0));
    for (const text of field) {
      if (text.length < 127) parts.push(Buffer.of(text.length));
      else parts.push(Buffer.of(127), varint(text.length - 127));
      parts.push(Buffer.from(text, "latin1"));
    }
  }
  return Buffer.concat(parts);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

export function headers(stream: number, fields: readonly Field[], end = false): Buffer {
  return frame(1, 4 | (end ? 1 : 0), stream, plainBlock(fields));
}

/** Encodes with a table, as a real peer does. */
export function createBlockEncoder(): (fields: readonly Field[]) => Buffer {
  const encoder = new HpackEncoder();
  return (fields) => {
    const out = createByteWriter();
    encoder.begin(out);
    for (const [name, value] of fields) encoder.field(out, name, value);
    return out.take();
  };
}

/** Reads what one engine writes, from the first byte on; it keeps the HPACK table of that direction. */
export class FrameReader {
  readonly #decoder = new HpackDecoder();
  #block: { stream: number; end: boolean; bytes: Buffer } | undefined;

  read(bytes: Buffer): Seen[] {
    const seen: Seen[] = [];
    let at = 0;
    while (at < bytes.length) {
      const length = bytes.readUIntBE(at, 3);
      const payload = bytes.subarray(at + 9, at + 9 + length);
      if (payload.length < length) throw new Error("an engine wrote a part of a frame");
      seen.push(this.#one(bytes[at + 3]!, bytes[at + 4]!, bytes.readUInt32BE(at + 5), payload));
      at += 9 + length;
    }
    return seen;
  }

  #one(type: number, flags: number, stream: number, payload: Buffer): Seen {
    const end = (flags & 1) !== 0;
    switch (type) {
      case 0:
        return { type: "DATA", stream, data: payload.toString("latin1"), end };
      case 1:
      case 9:
        return this.#headers(type, flags, stream, payload);
      case 3:
        return { type: "RST_STREAM", stream, code: payload.readUInt32BE(0) };
      case 4: {
        const values: Record<number, number> = {};
        for (let at = 0; at < payload.length; at += 6) {
          values[payload.readUInt16BE(at)] = payload.readUInt32BE(at + 2);
        }
        return { type: "SETTINGS", ack: end, values };
      }
      case 6:
        return { type: "PING", ack: end, payload: payload.toString("latin1") };
      case 7:
        return { type: "GOAWAY", last: payload.readUInt32BE(0), code: payload.readUInt32BE(4) };
      case 8:
        return { type: "WINDOW_UPDATE", stream, increment: payload.readUInt32BE(0) };
      default:
        throw new Error(`an engine wrote a frame of type ${type}`);
    }
  }

  #headers(type: number, flags: number, stream: number, payload: Buffer): Seen {
    const before = this.#block;
    const bytes = Buffer.concat([before?.bytes ?? Buffer.alloc(0), payload]);
    const block = { stream, end: before?.end ?? (flags & 1) !== 0, bytes };
    if (type === 9 && before?.stream !== stream) throw new Error("stray CONTINUATION");
    if ((flags & 4) === 0) {
      this.#block = block;
      return { type: "CONTINUATION", stream };
    }
    this.#block = undefined;
    const fields: Field[] = [];
    const problem = this.#decoder.decode(bytes, 0, bytes.length, {
      tooLarge: false,
      field: (name, value) => void fields.push([name, value]),
    });
    if (problem !== "") throw new Error(problem);
    return { type: "HEADERS", stream, fields, end: block.end };
  }
}
