import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { commands } from "../../src/cli/registry.ts";
import { renderCliPage } from "./cli-page.ts";

test("docs/cli.md says what the commands say of themselves (npm run docs writes it)", () => {
  assert.equal(readFileSync("docs/cli.md", "utf8"), renderCliPage());
});

test("every output that is shown is a command's", () => {
  const names = new Set(commands.map(({ name }) => `${name.replaceAll(" ", "-")}.txt`));
  const files = readdirSync(join(import.meta.dirname, "cli-output"));
  assert.deepEqual(
    files.filter((file) => !names.has(file)),
    [],
  );
});
