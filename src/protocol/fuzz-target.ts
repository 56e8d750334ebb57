/** What `npm run fuzz` needs to know of a decoder; exported as `target` from a `*.fuzz.ts` beside its source. */

export interface FuzzTarget {
  /** Unique, in kebab-case; `--only NAME` chooses it. */
  readonly name: string;
  /** Valid and nearly valid inputs that the runner mutates. */
  readonly seeds: readonly Buffer[];
  /** Feeds one input through the decoder. Returning says that it held; an exception is a finding. */
  run(input: Buffer): void;
}
