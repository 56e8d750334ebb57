/** `npm test [-- FILTER…]`: every test file of the project, or those whose path holds one of the filters. */
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { compose } from "node:stream";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { closingLine } from "./support/closing-line.ts";

const filters = process.argv.slice(2);
const files = globSync([
  "src/**/*.test.ts",
  "injector/**/*.test.ts",
  "examples/**/*.test.ts",
  "test/**/*.test.ts",
]).filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)));
if (files.length === 0) {
  process.stderr.write(`no test file's path holds ${filters.join(" or ")}\n`);
  process.exit(64);
}

// Tests that make namespaces and meshes share two cores; one file at a time keeps their limits honest.
const alone = files.filter((file) => file.startsWith("test/"));
const together = files.filter((file) => !file.startsWith("test/"));
const counts = { passed: 0, failed: 0, skipped: 0 };
if (together.length > 0) await runFiles(together, availableParallelism());
if (alone.length > 0) await runFiles(alone, 1);
process.exitCode = closingLine(counts, process.env["CI"] === "true");

async function runFiles(files: string[], concurrency: number): Promise<void> {
  const events = run({ files: files.sort(), concurrency, timeout: 600_000 });
  events.on("test:pass", (event) => {
    if (event.details.type === "suite") return;
    if (event.skip === undefined) counts.passed += 1;
    else counts.skipped += 1;
  });
  events.on("test:fail", (event) => {
    if (event.details.type !== "suite") counts.failed += 1;
  });
  for await (const text of compose(events, spec())) process.stdout.write(text as string);
}
