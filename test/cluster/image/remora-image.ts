/** The image that the Dockerfile describes, assembled without Docker: the base is this machine's Node and its libraries. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeImage } from "./archive.ts";
import { parseFinalStage } from "./dockerfile.ts";
import { addBase, copyAs, copyInto, librariesOf } from "./root-folder.ts";

const project = join(import.meta.dirname, "../../..");

/** Builds the bundles and writes the archive to `file`. */
export async function buildRemoraImage(name: string, file: string): Promise<void> {
  execFileSync("npm", ["run", "--silent", "build", "--", "--silent"], { cwd: project });
  const stage = parseFinalStage(readFileSync(join(project, "Dockerfile"), "utf8"));
  if (!stage.base.startsWith(`node:${process.versions.node}-`)) {
    throw new Error(`the Dockerfile's base is ${stage.base}, not Node ${process.versions.node}`);
  }
  const folder = mkdtempSync(join(tmpdir(), "remora-image-"));
  try {
    const build = join(folder, "build");
    const root = join(folder, "root");
    addNode(build);
    addNode(root);
    execFileSync(process.execPath, [join(project, "image/fill.ts"), build]);
    for (const { from, to } of stage.copies) copyAs(root, join(build, from), to);
    await writeImage({ name, folder: root, config: stage.config, file });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What stands for the official image of Node: the program with its libraries, and its user. */
export function addNode(root: string): void {
  addBase(root, ["node:x:1000:1000::/home/node:/bin/bash"]);
  copyAs(root, process.execPath, "/usr/local/bin/node");
  copyInto(root, librariesOf([process.execPath]));
}
