/** What stands for the official image of Node while the Dockerfile is built: Node, npm, and what the commands of RUN call. */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeImage } from "./archive.ts";
import { addNode } from "./remora-image.ts";
import { certificates, copyAs, copyInto, librariesOf } from "./root-folder.ts";

const project = join(import.meta.dirname, "../../..");
const programs = ["/bin/sh", "/usr/bin/env", "/usr/sbin/chroot"];

/** Writes the archive to `file`. */
export async function buildBaseImage(name: string, file: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "remora-base-"));
  const root = join(folder, "root");
  try {
    addNode(root);
    const addons = globSync(join(project, "node_modules/@rollup/*/*.node"));
    copyInto(root, [...programs, ...librariesOf([...programs, ...addons])]);
    addNpm(root);
    await writeImage({ name, folder: root, config: { entrypoint: ["node"] }, file });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** This machine's npm, which asks the same registry and trusts the same roots there. */
function addNpm(root: string): void {
  const ask = (...args: string[]): string => execFileSync("npm", args, { encoding: "utf8" }).trim();
  const program = ask("exec", "--call", "echo $npm_execpath");
  copyAs(root, join(program, "../.."), "/usr/local/lib/node_modules/npm");
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(root, "usr/local/bin/npm"));
  const settings = [`registry=${ask("config", "get", "registry")}`];
  if (existsSync(certificates)) settings.push(`cafile=${certificates}`);
  mkdirSync(join(root, "usr/local/etc"), { recursive: true });
  writeFileSync(join(root, "usr/local/etc/npmrc"), `${settings.join("\n")}\n`);
}
