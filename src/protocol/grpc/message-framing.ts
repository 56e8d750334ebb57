/** Byte gear. The five-byte prefix of gRPC messages: a flag for compression, then the length. */

export const PREFIX_LENGTH = 5;

/** Prefix and message in one buffer, uncompressed. */
export function encodeMessage(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX_LENGTH + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX_LENGTH);
  return framed;
}

/** Why a stream of messages cannot be read on. */
export type FramingProblem = "" | "too large" | "compressed" | "bad flag";

/** Puts messages together from chunks cut anywhere. */
export class MessageDecoder {
  readonly #maxLength: number;
  readonly #onMessage: (message: Buffer) => void;
  readonly #prefix = Buffer.alloc(PREFIX_LENGTH);
  #prefixHeld = 0;
  #length = 0;
  #message: Buffer = none;
  #held = 0;
  #problem: FramingProblem = "";

  /** `onMessage` gets a copy that it may keep. */
  constructor(maxLength: number, onMessage: (message: Buffer) => void) {
    this.#maxLength = maxLength;
    this.#onMessage = onMessage;
  }

  /** A message has begun and not ended: a stream that ends now was cut. */
  get partial(): boolean {
    return this.#prefixHeld > 0;
  }

  /** Takes the chunk; after a problem it takes nothing more. */
  receive(chunk: Uint8Array): FramingProblem {
    let at = 0;
    while (this.#problem === "" && at < chunk.length) {
      if (this.#prefixHeld < PREFIX_LENGTH) {
        this.#prefix[this.#prefixHeld] = chunk[at]!;
        this.#prefixHeld += 1;
        at += 1;
        if (this.#prefixHeld < PREFIX_LENGTH) continue;
        this.#begin();
      } else {
        const taken = Math.min(this.#length - this.#held, chunk.length - at);
        this.#keep(chunk.subarray(at, at + taken));
        at += taken;
      }
      if (this.#problem === "" && this.#held === this.#length) this.#finish();
    }
    return this.#problem;
  }

  #begin(): void {
    const flag = this.#prefix[0]!;
    this.#length = this.#prefix.readUInt32BE(1);
    this.#held = 0;
    // We never offer an encoding, so a peer that compresses did not listen.
    if (flag !== 0) this.#problem = flag === 1 ? "compressed" : "bad flag";
    else if (this.#length > this.#maxLength) this.#problem = "too large";
  }

  /** Memory follows what has come, not what was announced. */
  #keep(part: Uint8Array): void {
    const needed = this.#held + part.length;
    if (needed > this.#message.length) {
      const size = Math.min(this.#length, Math.max(needed, this.#message.length * 2));
      const grown = Buffer.allocUnsafeSlow(size);
      this.#message.copy(grown, 0, 0, this.#held);
      this.#message = grown;
    }
    this.#message.set(part, this.#held);
    this.#held = needed;
  }

  #finish(): void {
    const message = this.#message.subarray(0, this.#length);
    this.#message = none;
    this.#prefixHeld = 0;
    this.#onMessage(message);
  }
}

const none: Buffer = Buffer.alloc(0);
