/** Container images without an engine: a folder becomes one layer in an OCI archive (image-spec 1.1). */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** `uid` or `uid:gid`. */
  readonly user?: string;
  readonly workingDirectory?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface ImageFields {
  /** With registry and tag, as pods name it: `localhost/remora:test`. */
  readonly name: string;
  /** Becomes the root of the container; everything in it belongs to root there. */
  readonly folder: string;
  readonly config: ImageConfig;
  /** The archive. */
  readonly file: string;
}

/** The same folder gives the same bytes. */
export async function writeImage({ name, folder, config, file }: ImageFields): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const layout = await mkdtemp(`${file}.`);
  try {
    const blobs = join(layout, "blobs/sha256");
    await mkdir(blobs, { recursive: true });
    const layer = join(layout, "layer.tar");
    await tar(folder, layer);
    const layerBlob = { ...tarLayer, ...(await keepFile(blobs, layer)) };
    const image = await keepJson(blobs, imageJson(config, layerBlob.digest));
    const manifest = await keepJson(blobs, {
      schemaVersion: 2,
      mediaType: manifestType,
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...image },
      layers: [layerBlob],
    });
    const annotations = {
      "io.containerd.image.name": name,
      "org.opencontainers.image.ref.name": name.slice(name.lastIndexOf(":") + 1),
    };
    const manifests = [{ mediaType: manifestType, ...manifest, platform, annotations }];
    await writeFile(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
    await writeFile(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
    await tar(layout, `${layout}.tar`);
    await rename(`${layout}.tar`, file);
  } finally {
    await rm(layout, { recursive: true, force: true });
  }
}

interface Blob {
  readonly digest: string;
  readonly size: number;
}

const manifestType = "application/vnd.oci.image.manifest.v1+json";
const tarLayer = { mediaType: "application/vnd.oci.image.layer.v1.tar" };
const platform = { os: "linux", architecture: process.arch === "x64" ? "amd64" : process.arch };

function imageJson(config: ImageConfig, diffId: string): object {
  const environment = { PATH: "/usr/local/bin:/usr/bin:/bin", ...config.environment };
  return {
    ...platform,
    config: {
      Entrypoint: config.entrypoint,
      Cmd: config.command ?? [],
      Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
      User: config.user ?? "",
      WorkingDir: config.workingDirectory ?? "/",
      Labels: config.labels ?? {},
    },
    rootfs: { type: "layers", diff_ids: [diffId] },
  };
}

async function tar(folder: string, file: string): Promise<void> {
  const fixed = ["--numeric-owner", "--owner=0", "--group=0", "--sort=name", "--mtime=@0"];
  await run("tar", [...fixed, "--format=gnu", "-cf", file, "-C", folder, "."]);
}

async function keepFile(blobs: string, file: string): Promise<Blob> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  const hex = hash.digest("hex");
  const { size } = await stat(file);
  await rename(file, join(blobs, hex));
  return { digest: `sha256:${hex}`, size };
}

async function keepJson(blobs: string, value: object): Promise<Blob> {
  const text = JSON.stringify(value);
  const hex = createHash("sha256").update(text).digest("hex");
  await writeFile(join(blobs, hex), text);
  return { digest: `sha256:${hex}`, size: Buffer.byteLength(text) };
}
