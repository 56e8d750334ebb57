/** Byte gear. What the peer says in its SETTINGS (RFC 9113 6.5.2), and that it has taken ours. */
import {
  DEFAULT_MAX_FRAME_SIZE,
  FLOW_CONTROL_ERROR,
  LARGEST_MAX_FRAME_SIZE,
  MAX_31_BITS,
  PROTOCOL_ERROR,
  SETTINGS_ENABLE_CONNECT_PROTOCOL,
  SETTINGS_ENABLE_PUSH,
  SETTINGS_HEADER_TABLE_SIZE,
  SETTINGS_INITIAL_WINDOW_SIZE,
  SETTINGS_MAX_CONCURRENT_STREAMS,
  SETTINGS_MAX_FRAME_SIZE,
} from "./numbers.ts";
import type { Sender } from "./sender.ts";

/** The code and the noun phrase of a connection error. */
export interface SettingsFailure {
  readonly code: number;
  readonly detail: string;
}

export class PeerSettings {
  /** Its SETTINGS have come. */
  received = false;
  /** It has acknowledged ours. */
  acknowledged = false;
  maxStreams = 100;
  extendedConnect = false;
  /** Goes by the sizes that the peer names. */
  readonly #sender: Sender;

  constructor(sender: Sender) {
    this.#sender = sender;
  }

  /** Applies each setting in turn; undefined when all were in their ranges. `fromClient`: who sent them. */
  read(payload: Buffer, fromClient: boolean): SettingsFailure | undefined {
    for (let at = 0; at < payload.length; at += 6) {
      const id = payload.readUInt16BE(at);
      const value = payload.readUInt32BE(at + 2);
      const failure = this.#apply(id, value, fromClient);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  #apply(id: number, value: number, fromClient: boolean): SettingsFailure | undefined {
    const sender = this.#sender;
    switch (id) {
      case SETTINGS_HEADER_TABLE_SIZE:
        sender.encoder.setPeerLimit(value);
        return undefined;
      case SETTINGS_ENABLE_PUSH:
        // RFC 9113 6.5.2: a server must not say 1.
        return value === 0 || (value === 1 && fromClient) ? undefined : outOfRange("ENABLE_PUSH");
      case SETTINGS_MAX_CONCURRENT_STREAMS:
        this.maxStreams = value;
        return undefined;
      case SETTINGS_INITIAL_WINDOW_SIZE:
        if (value > MAX_31_BITS) {
          return { code: FLOW_CONTROL_ERROR, detail: "INITIAL_WINDOW_SIZE out of range" };
        }
        sender.initialWindow = value;
        return undefined;
      case SETTINGS_MAX_FRAME_SIZE:
        if (value < DEFAULT_MAX_FRAME_SIZE || value > LARGEST_MAX_FRAME_SIZE) {
          return outOfRange("MAX_FRAME_SIZE");
        }
        sender.maxFrameSize = value;
        return undefined;
      case SETTINGS_ENABLE_CONNECT_PROTOCOL:
        // RFC 8441 3: 0 or 1, and once 1 for good.
        if (value > 1 || (value === 0 && this.extendedConnect)) {
          return outOfRange("ENABLE_CONNECT_PROTOCOL");
        }
        this.extendedConnect = value === 1;
        return undefined;
      default:
        return undefined;
    }
  }
}

function outOfRange(name: string): SettingsFailure {
  return { code: PROTOCOL_ERROR, detail: `${name} out of range` };
}
