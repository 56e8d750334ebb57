/** Makes inputs for decoders out of good ones: the same seed gives the same sequence. */

export interface Mutator {
  /** The next input. */
  next(): Buffer;
}

/** Bytes on which parsers split, end or stumble. */
const interesting = Buffer.from('\r\n\t\0 :;,."\\/#%@_-+*0159aAfFxX\x7f\x80\xff', "latin1");
const mostChanges = 6;
/** Inputs stay small: bugs in decoders need few bytes, and many small inputs find more than few large ones. */
const largest = 4_096;

/** Mutates and splices the seeds; an empty list gives random bytes. */
export function createMutator(seeds: readonly Buffer[], seed: number): Mutator {
  const random = createRandom(seed);
  const pick = (): Buffer => seeds[random(seeds.length)] ?? Buffer.alloc(random(64), random(256));
  return {
    next(): Buffer {
      let bytes: Buffer = Buffer.from(pick());
      const changes = 1 + random(mostChanges);
      for (let change = 0; change < changes; change += 1) bytes = mutate(bytes, pick, random);
      return bytes.length > largest ? bytes.subarray(0, largest) : bytes;
    },
  };
}

/** Whole numbers below a bound, drawn evenly enough (xorshift32). */
export function createRandom(seed: number): (below: number) => number {
  let state = Math.imul(seed + 1, 2_654_435_761) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return below === 0 ? 0 : state % below;
  };
}

function mutate(bytes: Buffer, pick: () => Buffer, random: (below: number) => number): Buffer {
  const at = random(bytes.length + 1);
  const until = Math.min(bytes.length, at + 1 + random(12));
  const before = bytes.subarray(0, at);
  switch (random(7)) {
    case 0:
      return Buffer.concat([before, oneOf(interesting, random), bytes.subarray(at)]);
    case 1:
      return Buffer.concat([before, oneOf(interesting, random), bytes.subarray(at + 1)]);
    case 2:
      return Buffer.concat([before, bytes.subarray(until)]);
    case 3:
      return Buffer.concat([before, bytes.subarray(at, until), bytes.subarray(at)]);
    case 4:
      return Buffer.concat([before, Buffer.of(random(256)), bytes.subarray(at + 1)]);
    case 5: {
      const other = pick();
      return Buffer.concat([before, other.subarray(random(other.length + 1))]);
    }
    default: {
      const other = pick();
      const from = random(other.length + 1);
      return Buffer.concat([before, other.subarray(from, from + random(40)), bytes.subarray(at)]);
    }
  }
}

function oneOf(bytes: Buffer, random: (below: number) => number): Buffer {
  return Buffer.of(bytes[random(bytes.length)] as number);
}
