/** V8's compiled code of the sidecar, as the image has it (image/fill.ts): a pod compiles nothing when it starts. */
import { chmodSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { launch } from "../site/launch.ts";
import { type Site, sidecarUser } from "../site/site.ts";

/** Gives the environment of sidecars that are started by `command`; the code is made when it is first asked for. */
export async function compiledAhead(
  site: Site,
  command: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const folder = `${site.folder}/compiled`;
  const env = { NODE_COMPILE_CACHE: folder };
  if (existsSync(folder)) return env;
  mkdirSync(folder);
  chmodSync(folder, 0o777);
  // A program that is told nothing says so and ends; by then it is loaded, and Node keeps what it compiled.
  const place = { namespace: site.serverNamespace, core: site.cores.load };
  const program = launch("sidecar without settings", command, { ...place, user: sidecarUser, env });
  await program.ended;
  if (readdirSync(folder).length === 0) throw new Error(`not compiled: ${program.output()}`);
  return env;
}
