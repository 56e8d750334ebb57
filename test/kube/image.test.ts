/** The Dockerfile, built by a builder that nobody here wrote: it must give what the other tests of a cluster run. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { buildBaseImage } from "../cluster/image/build-base.ts";
import { openBuildah } from "../cluster/image/buildah.ts";
import { parseFinalStage } from "../cluster/image/dockerfile.ts";
import { buildRemoraImage } from "../cluster/image/remora-image.ts";
import { temporaryFolder } from "../control/temporary-folder.ts";

const project = join(import.meta.dirname, "../..");
const found = spawnSync("buildah", ["--version"]).status === 0;
const skip = !found && "buildah is missing (Debian: apt install buildah)";

test("the Dockerfile gives the image that the tests assemble without it", {
  skip,
}, async (context) => {
  const buildah = openBuildah();
  context.after(() => buildah.close());
  const { path: folder } = temporaryFolder(context);
  const { base } = parseFinalStage(readFileSync(join(project, "Dockerfile"), "utf8"));
  await buildBaseImage(base, join(folder, "base.tar"));
  await buildah.load(join(folder, "base.tar"), `docker.io/library/${base}`);
  await buildah.build(project, "localhost/remora:built");
  await buildRemoraImage("localhost/remora:assembled", join(folder, "assembled.tar"));
  await buildah.load(join(folder, "assembled.tar"), "localhost/remora:assembled");

  const built = await buildah.config("localhost/remora:built");
  const assembled = await buildah.config("localhost/remora:assembled");
  assert.deepEqual(built.Entrypoint, assembled.Entrypoint);
  assert.equal(built.User, assembled.User);
  assert.deepEqual(built.Env?.filter(isOurs).sort(), assembled.Env?.filter(isOurs).sort());
  for (const [name, value] of Object.entries(assembled.Labels ?? {}))
    assert.equal(built.Labels?.[name], value);
  assert.deepEqual(
    filesOf(await buildah.mount("localhost/remora:built")),
    filesOf(await buildah.mount("localhost/remora:assembled")),
  );
});

/** The rest is the base image's. */
function isOurs(variable: string): boolean {
  return variable.startsWith("NODE_");
}

/** Every file of ours, with its mode and its bytes; compiled code differs from one compilation to the next. */
function filesOf(root: string): readonly string[] {
  const folder = join(root, "opt/remora");
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return names.map((name) => {
    const file = join(folder, name);
    const status = statSync(file);
    const owned = `${name} ${status.uid}:${status.gid} ${(status.mode & 0o7777).toString(8)}`;
    if (!status.isFile() || name.startsWith("cache/")) return owned;
    return `${owned} ${createHash("sha256").update(readFileSync(file)).digest("hex")}`;
  });
}
