/** Images of applications from what Debian installed: a program, the libraries that it needs and the folders that it reads. */
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ImageConfig, writeImage } from "./archive.ts";
import { addNode } from "./remora-image.ts";
import { addBase, copyAs, copyInto, librariesOf } from "./root-folder.ts";

export interface AppImage {
  /** Paths of this machine, which are the same inside; the first is the entrypoint. */
  readonly programs: readonly string[];
  /** Files and folders that the programs read. */
  readonly files?: readonly string[];
  /** Debian's package, named when it is missing. */
  readonly package: string;
  readonly config?: Partial<ImageConfig>;
}

export type AppName = "busybox" | "curl" | "nginx" | "postgres" | "python" | "redis";

/** `localhost/NAME:test` for every NAME. */
export const appImages: Readonly<Record<AppName, AppImage>> = {
  busybox: { programs: ["/bin/busybox"], package: "busybox-static" },
  curl: { programs: ["/usr/bin/curl"], package: "curl" },
  nginx: {
    programs: ["/usr/sbin/nginx"],
    files: ["/etc/nginx"],
    package: "nginx-light",
  },
  redis: {
    programs: ["/usr/bin/redis-server", "/usr/bin/redis-cli", "/usr/bin/redis-benchmark"],
    package: "redis-server",
  },
  postgres: {
    programs: [
      ...["postgres", "initdb", "psql", "pgbench"].flatMap((name) =>
        globSync(`/usr/lib/postgresql/*/bin/${name}`),
      ),
      // initdb starts the server through a shell.
      "/bin/sh",
    ],
    // The compiler for queries is most of the package, and no test asks for it.
    files: [
      ...globSync("/usr/lib/postgresql/*/lib/*.so").filter((file) => !file.includes("llvmjit")),
      "/usr/share/postgresql",
    ],
    package: "postgresql",
  },
  python: {
    programs: ["/usr/bin/python3"],
    files: [...globSync("/usr/lib/python3*")],
    package: "python3-grpcio",
  },
};

export function appImageName(name: AppName): string {
  return `localhost/${name}:test`;
}

/** Writes the archive to `file`. */
export async function buildAppImage(name: AppName, file: string): Promise<void> {
  const image: AppImage = appImages[name];
  const [entrypoint] = image.programs;
  const missing = [...image.programs, ...(image.files ?? [])].find((path) => !existsSync(path));
  if (entrypoint === undefined || missing !== undefined) {
    throw new Error(`${missing ?? name} is missing (Debian: apt install ${image.package})`);
  }
  await inTemporaryRoot(async (root) => {
    addBase(root);
    const files = image.files ?? [];
    const inside = files.flatMap((folder) => globSync(join(folder, "**/*.so")));
    const loaded = [...files.filter((path) => path.endsWith(".so")), ...inside];
    copyInto(root, [...image.programs, ...files, ...librariesOf([...image.programs, ...loaded])]);
    const config = { entrypoint: [entrypoint], ...image.config };
    await writeImage({ name: appImageName(name), folder: root, config, file });
  });
}

export const shopImage = "localhost/shop:test";

/** Node, the example shop and the npm packages that it imports, where its manifests look for them. */
export async function buildShopImage(file: string): Promise<void> {
  const project = join(import.meta.dirname, "../../..");
  await inTemporaryRoot(async (root) => {
    addNode(root);
    const home = "/home/node";
    mkdirSync(join(root, home), { recursive: true });
    writeFileSync(join(root, home, "package.json"), '{"type":"module"}');
    copyAs(root, join(project, "examples/shop/apps"), join(home, "examples/shop/apps"));
    for (const name of packagesOf(project, ["@grpc/grpc-js", "ws"])) {
      copyAs(root, join(project, "node_modules", name), join(home, "node_modules", name));
    }
    const config = { entrypoint: ["node"], workingDirectory: home, user: "1000:1000" };
    await writeImage({ name: shopImage, folder: root, config, file });
  });
}

/** The packages with all that they depend on. */
function packagesOf(project: string, names: readonly string[]): readonly string[] {
  const found = new Set<string>();
  const add = (name: string): void => {
    if (found.has(name)) return;
    found.add(name);
    const file = join(project, "node_modules", name, "package.json");
    const { dependencies = {} } = JSON.parse(readFileSync(file, "utf8")) as {
      dependencies?: Record<string, string>;
    };
    for (const dependency of Object.keys(dependencies)) add(dependency);
  };
  for (const name of names) add(name);
  return [...found];
}

async function inTemporaryRoot(fill: (root: string) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "remora-image-"));
  try {
    await fill(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
