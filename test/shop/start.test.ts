/** `npm start`, as a newcomer types it. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { startProgram } from "../apps/program.ts";
import { needs } from "../mesh/mesh.ts";

// What `npm start` runs; npm itself leaves signals to the terminal, and here is none.
const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as {
  scripts: { start: string };
};
const start = scripts.start.split(" ").map((word) => (word === "node" ? process.execPath : word));
const state = "/run/remora/shop";

test(
  "the check of the shop finds everything in order and takes the mesh down",
  needs(),
  async () => {
    await using program = await startProgram([...start, "--check"]);
    assert.equal(await program.exit(180_000), 0, program.text());
    assert.doesNotMatch(program.text(), /^WRONG/m);
    assert.equal(program.text().match(/^ok /gm)?.length, 12, program.text());
    assertNothingLeft();
  },
);

test("a stopped shop leaves no interface and no file", needs(), async () => {
  await using program = await startProgram(start);
  // The first line may tell of visits that began before the last pod was ready.
  const [line] = await program.output(/^\d+ flows .*all succeed.*$/m, 60_000);
  assert.match(line, /all mTLS/);
  program.kill("SIGINT");
  assert.equal(await program.exit(30_000), 0, program.text());
  assertNothingLeft();
});

test("an unknown option is one sentence and a failure", async () => {
  await using program = await startProgram([...start, "--nonsense"]);
  assert.notEqual(await program.exit(), 0);
  assert.match(program.text(), /--nonsense/);
  assert.doesNotMatch(program.text(), /^ +at /m);
});

function assertNothingLeft(): void {
  if (existsSync(state)) assert.deepEqual(readdirSync(state), []);
  const ours = Object.keys(networkInterfaces()).filter((name) => name.startsWith("remora-shop"));
  assert.deepEqual(ours, []);
}
