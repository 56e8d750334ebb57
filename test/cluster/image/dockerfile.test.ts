import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parseFinalStage } from "./dockerfile.ts";

const file = readFileSync("Dockerfile", "utf8");

test("the project's image is not root's, starts node, and rests on the Node of the lock file", () => {
  const { base, copies, config } = parseFinalStage(file);
  assert.match(
    base,
    new RegExp(`^node:${process.versions.node.replaceAll(".", "\\.")}-\\w+-slim$`),
  );
  assert.deepEqual(copies, [{ from: "/opt/remora", to: "/opt/remora" }]);
  assert.deepEqual(config.entrypoint, ["node"]);
  assert.equal(config.user, "65532:65532");
  assert.equal(config.environment?.["NODE_COMPILE_CACHE"], "/opt/remora/cache");
  assert.equal(config.labels?.["org.opencontainers.image.licenses"], "Apache-2.0");
});

test("both stages have the same base, or what is compiled in one would not fit the other", () => {
  const bases = [...file.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
  assert.equal(bases.length, 2);
  assert.equal(bases[0], bases[1]);
});

test("an instruction that the assembly without Docker would miss is refused", () => {
  assert.throws(() => parseFinalStage("FROM a\nRUN apt-get update"), /not understood: RUN apt-get/);
  assert.throws(() => parseFinalStage("FROM a\nCOPY here there"), /copies only from the build/);
  assert.throws(() => parseFinalStage("FROM a\nENV PLAIN"), /not NAME=value/);
});
