/** The images that the cluster itself runs: the pause program of every pod, and CoreDNS. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { pauseImage } from "../node/containerd.ts";
import { buildCoreDns } from "../programs.ts";
import { writeImage } from "./archive.ts";
import { addBase, copyAs } from "./root-folder.ts";

/** Archives, kept beside the program that they hold. */
export async function buildSystemImages(): Promise<readonly string[]> {
  const coreDns = await buildCoreDns();
  const kept = dirname(coreDns);
  const sleeps = { name: pauseImage, entrypoint: ["/busybox", "sleep", "2147483647"] };
  return Promise.all([
    oneProgram({ ...sleeps, program: "/bin/busybox", kept }),
    oneProgram({ name: "localhost/coredns:1", entrypoint: ["/coredns"], program: coreDns, kept }),
  ]);
}

interface OneProgram {
  readonly name: string;
  readonly program: string;
  readonly entrypoint: readonly string[];
  readonly kept: string;
}

async function oneProgram({ name, program, entrypoint, kept }: OneProgram): Promise<string> {
  const size = statSync(program).size;
  const file = join(kept, `${basename(program)}-${size}.oci.tar`);
  if (existsSync(file)) return file;
  const root = mkdtempSync(join(tmpdir(), "remora-image-"));
  try {
    mkdirSync(root, { recursive: true });
    addBase(root);
    copyAs(root, program, `/${basename(program)}`);
    await writeImage({ name, folder: root, config: { entrypoint }, file });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return file;
}
