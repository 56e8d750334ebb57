/** `npm test [-- FILTER…]`: every test file of the project, or those whose path holds one of the filters. */
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { closingLine } from "./support/closing-line.ts";
import { addCounts, runFiles } from "./support/run-files.ts";

const filters = process.argv.slice(2);
const files = globSync([
  "src/**/*.test.ts",
  "injector/**/*.test.ts",
  "examples/**/*.test.ts",
  "test/**/*.test.ts",
])
  // Those need a whole cluster: npm run test:kube.
  .filter((file) => !file.startsWith("test/kube/"))
  .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)));
if (files.length === 0) {
  process.stderr.write(`no test file's path holds ${filters.join(" or ")}\n`);
  process.exit(64);
}

// Tests that make namespaces and meshes share two cores; one file at a time keeps their limits honest.
const alone = files.filter((file) => file.startsWith("test/"));
const together = files.filter((file) => !file.startsWith("test/"));
const first = await runFiles(together, { concurrency: availableParallelism() });
const second = await runFiles(alone, { concurrency: 1 });
process.exitCode = closingLine(addCounts(first, second), process.env["CI"] === "true");
