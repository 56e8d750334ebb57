/** Where the programs of the mesh are on this machine, and how they are started. */
import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { sidecarNodeFlags } from "../core/node-runtime.ts";

export type ProgramName = "init" | "proxy" | "identity" | "control";

export interface Programs {
  /** The folder that must be visible in every container. */
  readonly root: string;
  readonly version: string;
  /** The command line of a program, with the runtime's flags for it. */
  command(program: ProgramName): readonly string[];
}

/** The warning about FFI says nothing that the reader of a pod's log could act on. */
const quiet = "--disable-warning=ExperimentalWarning";

/** Without a cap a heap grows by the size of the machine. */
const flags: Readonly<Record<ProgramName, readonly string[]>> = {
  init: [quiet],
  proxy: sidecarNodeFlags(),
  identity: [quiet, "--max-heap-size=128"],
  control: [quiet, "--max-heap-size=256"],
};

/** Bundles where they are at least as new as the sources, else the sources themselves. */
export function findPrograms(): Programs {
  const root = findRoot(dirname(fileURLToPath(import.meta.url)));
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    version: string;
  };
  const sourceTime = newestSource(root);
  return {
    root,
    version,
    command(program) {
      const bundle = join(root, "dist", `${program}.js`);
      const built = statSync(bundle, { throwIfNoEntry: false });
      const file =
        built !== undefined && built.mtimeMs >= sourceTime
          ? bundle
          : join(root, "src", "bin", `${program}.ts`);
      return [process.execPath, ...flags[program], file];
    },
  };
}

function findRoot(folder: string): string {
  if (existsSync(join(folder, "package.json"))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error("the programs of the mesh are not beside this one");
  return findRoot(parent);
}

/** An installed package has no sources, and then any bundle is new enough. */
function newestSource(root: string): number {
  const files = globSync(["src/**/*.ts", "injector/**/*.ts"], { cwd: root });
  const sources = files.filter((file) => !file.endsWith(".test.ts"));
  return Math.max(0, ...sources.map((file) => statSync(join(root, file)).mtimeMs));
}
