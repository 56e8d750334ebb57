/**
 * `npm run fuzz [-- --only NAME] [--seconds N] [--seed N] [--collect]`: feeds mutated inputs to every decoder's
 * target, each for the given time. A finding prints the seed and the input's number that bring it back. With
 * `--collect`, inputs that reach new code are kept in test/fuzz/corpus, from where `npm test` replays them.
 */
import { parseArgs } from "node:util";
import { createMutator } from "../../src/protocol/fuzz-mutator.ts";
import type { FuzzTarget } from "../../src/protocol/fuzz-target.ts";
import { openCoverage } from "./coverage.ts";
import { findTargets, keepInput, readCorpus } from "./targets.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    seconds: { type: "string", default: "5" },
    seed: { type: "string" },
    collect: { type: "boolean", default: false },
  },
});
const seconds = Number(values.seconds);
const seed = Number(values.seed ?? Date.now() % 1_000_000);
if (!(seconds > 0) || !Number.isSafeInteger(seed)) {
  process.stderr.write("--seconds takes a positive number and --seed a whole one\n");
  process.exit(64);
}

const targets = await findTargets(values.only);
if (targets.length === 0) {
  process.stderr.write(`no fuzz target is named ${values.only ?? "at all"}\n`);
  process.exit(64);
}
let findings = 0;
for (const target of targets) findings += (values.collect ? collect : fuzz)(target) ? 0 : 1;
process.stdout.write(`${targets.length} targets, ${findings} findings, seed ${seed}\n`);
process.exitCode = findings === 0 ? 0 : 1;

/** Whether the target held until its time was over. */
function fuzz(target: FuzzTarget): boolean {
  const known = [...target.seeds, ...readCorpus(target)];
  const mutator = createMutator(known, seed);
  const end = performance.now() + seconds * 1_000;
  let input: Buffer = Buffer.alloc(0);
  let count = 0;
  try {
    for (const bytes of known) target.run((input = Buffer.from(bytes)));
    for (; performance.now() < end; count += 1) target.run((input = mutator.next()));
  } catch (error) {
    report(target, input, count, error);
    return false;
  }
  process.stdout.write(`${target.name.padEnd(24)} ${count} inputs held\n`);
  return true;
}

/** The same by coverage: slower, and each input that reached something new is mutated further. */
function collect(target: FuzzTarget): boolean {
  const known = [...target.seeds, ...readCorpus(target)].map((bytes) => Buffer.from(bytes));
  const coverage = openCoverage();
  const end = performance.now() + seconds * 1_000;
  let input: Buffer = Buffer.alloc(0);
  let count = 0;
  let kept = 0;
  try {
    // Once before, so that what runs only the first time counts for nobody.
    for (const bytes of known) coverage.measure(() => target.run((input = Buffer.from(bytes))));
    for (; performance.now() < end; count += 1) {
      input = createMutator(known, seed + count).next();
      const copy = Buffer.from(input);
      if (coverage.measure(() => target.run(input)) === 0) continue;
      known.push(copy);
      keepInput(target, copy);
      kept += 1;
    }
  } catch (error) {
    report(target, input, count, error);
    return false;
  } finally {
    coverage.close();
  }
  process.stdout.write(`${target.name.padEnd(24)} ${count} inputs held, ${kept} kept\n`);
  return true;
}

function report(target: FuzzTarget, input: Buffer, count: number, error: unknown): void {
  const shown = JSON.stringify(input.toString("latin1"));
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(
    `${target.name}: input ${count} is a finding\n  ${shown}\n  ${stack}\n` +
      `  again: npm run fuzz -- --only ${target.name} --seed ${seed} --seconds ${seconds}\n`,
  );
}
