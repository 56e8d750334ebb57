/** What one HTTP/2 engine is told to offer, and the limits it keeps; every number has its reason. */
import type { BufferLender } from "../buffer-pool.ts";
import type { Http2Limits } from "./limits.ts";
import {
  DEFAULT_MAX_FRAME_SIZE,
  SETTINGS_ENABLE_CONNECT_PROTOCOL,
  SETTINGS_ENABLE_PUSH,
  SETTINGS_HEADER_TABLE_SIZE,
  SETTINGS_INITIAL_WINDOW_SIZE,
  SETTINGS_MAX_CONCURRENT_STREAMS,
  SETTINGS_MAX_FRAME_SIZE,
  SETTINGS_MAX_HEADER_LIST_SIZE,
} from "./numbers.ts";
import type { Http2Stats } from "./stats.ts";

export interface Http2Settings {
  /**
   * Streams the peer may have open (server), or that we open at most (client). Default 200: ztunnel fixes its own
   * limit of 100 before it has read ours, so less would leave it waiting for streams that it believes it has.
   */
  readonly maxConcurrentStreams?: number;
  /** Bytes that a stream may send before its reader granted any. Default 256 KiB: 10 Gbit/s over 0.2 ms. */
  readonly streamWindow?: number;
  /** What that grows to for a reader that keeps up. Default 1 MiB; the connection's window bounds them all together. */
  readonly largestStreamWindow?: number;
  /** The same for the connection. Default 4 MiB: sixteen stalled streams do not stop the others. */
  readonly connectionWindow?: number;
  /** Largest frame the peer may send. Default 16 KiB; up to 1 MiB saves frame headers in bulk. */
  readonly maxFrameSize?: number;
  /** HPACK table that the peer may use towards us. Default 4096 bytes, the protocol's own. */
  readonly headerTableSize?: number;
  /** HPACK table that we use towards the peer, if it allows as much. Default 4096 bytes. */
  readonly encoderTableSize?: number;
  /** Huffman-code our literals. Default false: bytes are cheaper than cycles between pods. */
  readonly huffman?: boolean;
  /** Accept extended CONNECT (RFC 8441). Server only, default true. */
  readonly extendedConnect?: boolean;
  readonly limits?: Partial<Http2Limits>;
  /** Counters to add to; one object may serve all connections of a kind. Default: an own one. */
  readonly stats?: Http2Stats;
  /** Where data that waits for a window is kept. Default: buffers of its own. */
  readonly buffers?: BufferLender;
}

export interface ResolvedSettings {
  readonly maxConcurrentStreams: number;
  readonly streamWindow: number;
  readonly largestStreamWindow: number;
  readonly connectionWindow: number;
  readonly maxFrameSize: number;
  readonly headerTableSize: number;
  readonly encoderTableSize: number;
  readonly huffman: boolean;
  readonly extendedConnect: boolean;
}

const defaults: ResolvedSettings = {
  maxConcurrentStreams: 200,
  streamWindow: 256 * 1024,
  largestStreamWindow: 1024 * 1024,
  connectionWindow: 4 * 1024 * 1024,
  maxFrameSize: DEFAULT_MAX_FRAME_SIZE,
  headerTableSize: 4_096,
  encoderTableSize: 4_096,
  huffman: false,
  extendedConnect: true,
};

/** We take frames of up to this much: one of them is at most one chunk's work, never a memory reservation. */
const largestOfferedFrame = 1024 * 1024;

/** Fills in the defaults. Numbers that the protocol does not allow are a mistake of the program. */
export function resolveSettings(settings: Http2Settings): ResolvedSettings {
  const resolved = { ...defaults, ...settings };
  const frame = resolved.maxFrameSize;
  if (frame < DEFAULT_MAX_FRAME_SIZE || frame > largestOfferedFrame) {
    throw new RangeError(`maxFrameSize ${frame} is not between 16384 and ${largestOfferedFrame}`);
  }
  return resolved;
}

/** The payload of our SETTINGS frame. */
export function encodeSettings(
  settings: ResolvedSettings,
  maxHeaderListSize: number,
  server: boolean,
): Buffer {
  const pairs: [id: number, value: number][] = [
    [SETTINGS_HEADER_TABLE_SIZE, settings.headerTableSize],
    [SETTINGS_INITIAL_WINDOW_SIZE, settings.streamWindow],
    [SETTINGS_MAX_FRAME_SIZE, settings.maxFrameSize],
    [SETTINGS_MAX_HEADER_LIST_SIZE, maxHeaderListSize],
  ];
  if (server) {
    pairs.push([SETTINGS_MAX_CONCURRENT_STREAMS, settings.maxConcurrentStreams]);
    if (settings.extendedConnect) pairs.push([SETTINGS_ENABLE_CONNECT_PROTOCOL, 1]);
  } else {
    // A server may not push to us, and so may open no stream at all.
    pairs.push([SETTINGS_ENABLE_PUSH, 0], [SETTINGS_MAX_CONCURRENT_STREAMS, 0]);
  }
  const payload = Buffer.alloc(pairs.length * 6);
  pairs.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  });
  return payload;
}
