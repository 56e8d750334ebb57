/**
 * `node image/fill.ts ROOT`: puts the built programs into ROOT/opt/remora, with V8's compiled code of each beside them. A
 * sidecar then compiles nothing when it starts, which saves time and memory in every pod. ROOT must hold Node as `node`,
 * since the code is compiled by the one that will use it; the Dockerfile fills its build stage's own root.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { imageFolder, sidecarNodeFlags } from "../src/core/node-runtime.ts";

/** Every program of the image. */
const bundles = ["proxy", "init", "identity", "control", "injector", "remora", "remora-cli"];

/**
 * Those whose compiled code is kept, with the user that they run as: Node keeps it apart by user. The init program is small,
 * and must not even be started here: it changes the rules of the network that it finds.
 */
const users: Readonly<Record<string, number>> = {
  proxy: 15_008,
  identity: 65_532,
  control: 65_532,
  injector: 65_532,
};

const [root] = process.argv.slice(2);
if (root === undefined) throw new Error("give the root folder of the image");
const programs = join(root, imageFolder);
const cache = join(programs, "cache");
const project = join(import.meta.dirname, "..");
mkdirSync(cache, { recursive: true });
for (const name of bundles) {
  cpSync(join(project, "dist", `${name}.js`), join(programs, `${name}.js`));
}
cpSync(join(project, "LICENSE"), join(programs, "LICENSE"));
// Without it Node takes each program for CommonJS first, and compiles it twice.
writeFileSync(join(programs, "package.json"), '{ "type": "module" }\n');
chmodSync(cache, 0o777);
const said = Object.entries(users).map(([name, user]) => compile(root, name, user));
makeReadable(programs);
const kept = readdirSync(cache, { recursive: true, withFileTypes: true });
const compiled = kept.filter((one) => one.isFile()).length;
const wanted = Object.keys(users).length;
if (compiled !== wanted) {
  throw new Error(`compiled code of ${compiled} of ${wanted} programs:\n${said.join("")}`);
}

/** A program that is told nothing says so and ends; by then it is loaded, and Node keeps what it compiled. */
function compile(root: string, name: string, user: number): string {
  const file = `${imageFolder}/${name}.js`;
  // V8 refuses code that was compiled under other flags of the language; heap sizes and permissions do not count.
  const flags = name === "proxy" ? sidecarNodeFlags() : [];
  const command = ["node", ...flags, file];
  const env = {
    PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    NODE_COMPILE_CACHE: `${imageFolder}/cache`,
  };
  const result = spawnSync("chroot", [`--userspec=${user}:${user}`, root, ...command], {
    env,
    encoding: "utf8",
  });
  if (result.error !== undefined) throw result.error;
  return result.stderr;
}

/** By any user, and changed by none: also not what a program's own user compiled. */
function makeReadable(path: string): void {
  chownSync(path, 0, 0);
  const folder = statSync(path).isDirectory();
  chmodSync(path, folder ? 0o755 : 0o644);
  if (folder) for (const name of readdirSync(path)) makeReadable(join(path, name));
}
