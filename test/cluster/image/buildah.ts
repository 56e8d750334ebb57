/** Buildah, a builder of other people's, with a store of its own: it takes the Dockerfile as it is and needs no daemon. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The part of an image's configuration that a container is started by. */
export interface RuntimeConfig {
  readonly Entrypoint?: readonly string[];
  readonly Env?: readonly string[];
  readonly User?: string;
  readonly Labels?: Readonly<Record<string, string>>;
}

export interface Buildah {
  /** Takes an OCI archive in under the name. */
  load(file: string, name: string): Promise<void>;
  /** Builds the Dockerfile of `folder`; images come from the store alone. */
  build(folder: string, name: string): Promise<void>;
  config(name: string): Promise<RuntimeConfig>;
  /** The folder that is the image's root; it lasts until `close`. */
  mount(name: string): Promise<string>;
  close(): Promise<void>;
}

export function openBuildah(): Buildah {
  const folder = mkdtempSync(join(tmpdir(), "remora-buildah-"));
  const store = ["--root", join(folder, "store"), "--runroot", join(folder, "run")];
  // Nothing but folders and chroot: overlays and namespaces are not to be had in every container.
  const driver = ["--storage-driver", "vfs"];
  const buildah = async (...args: string[]): Promise<string> => {
    const options = { maxBuffer: 64 * 1024 * 1024, timeout: 900_000 };
    const { stdout } = await run("buildah", [...store, ...driver, ...args], options);
    return stdout.trim();
  };
  return {
    async load(file, name) {
      const id = await buildah("pull", "--quiet", `oci-archive:${file}`);
      await buildah("tag", id, name);
    },
    async build(context, name) {
      await buildah("build", "--isolation", "chroot", "--pull-never", "--tag", name, context);
    },
    async config(name) {
      const found = JSON.parse(await buildah("inspect", "--type", "image", name)) as {
        OCIv1: { config: RuntimeConfig };
      };
      return found.OCIv1.config;
    },
    mount: async (name) => buildah("mount", await buildah("from", "--pull-never", name)),
    async close() {
      await buildah("rm", "--all");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
